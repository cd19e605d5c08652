"""What must hold in a security configuration as a whole, and between it and the cluster that it is for.

EMR finds most of it only when it launches a cluster, or ignores what does not fit: a block that no flag enables
protects nothing. Each rule names the sections that it reads, so that a document in which another is wrong is still
judged.
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-ranger-security-config.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from druid_reindex.model.release import FLOORS, Release
from druid_reindex.model.security_configuration import (
    RoleMapping,
    S3Encryption,
    Section,
    SecurityConfiguration,
)
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]
ENCRYPTION, AUTHENTICATION = "EncryptionConfiguration", "AuthenticationConfiguration"
AUTHORIZATION, METADATA = "AuthorizationConfiguration", "InstanceMetadataServiceConfiguration"
AT_REST: FieldPath = (ENCRYPTION, "AtRestEncryptionConfiguration")
S3: FieldPath = (*AT_REST, "S3EncryptionConfiguration")
DISK: FieldPath = (*AT_REST, "LocalDiskEncryptionConfiguration")
IN_TRANSIT: FieldPath = (ENCRYPTION, "InTransitEncryptionConfiguration")
TLS: FieldPath = (*IN_TRANSIT, "TLSCertificateConfiguration")
KERBEROS: FieldPath = (AUTHENTICATION, "KerberosConfiguration")
DEDICATED, EXTERNAL = "ClusterDedicatedKdcConfiguration", "ExternalKdcConfiguration"
_PROVIDER_JAR = ("S3Object", "EncryptionKeyProviderClass")
_BY_MODE = {"SSE-S3": (), "SSE-KMS": ("AwsKmsKey",), "CSE-KMS": ("AwsKmsKey",), "CSE-Custom": _PROVIDER_JAR}
_BY_DISK = {"AwsKms": ("AwsKmsKey",), "Custom": _PROVIDER_JAR}
_BY_CERTIFICATE: Mapping[str, tuple[str, ...]] = {"PEM": (), "Custom": ("CertificateProviderClass",)}
_BY_KDC = {"ClusterDedicatedKdc": (DEDICATED,), "ExternalKdc": (EXTERNAL,)}


@dataclass(frozen=True, slots=True)
class Setting:
    """The cluster that a document is for, as far as it is known."""

    region: str | None = None
    release: Release | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold; ``reads`` are the document's sections that it looks at."""

    reads: frozenset[str]
    find: Callable[[SecurityConfiguration, Setting], Found]


def _something(document: SecurityConfiguration, _: Setting) -> Found:
    if not document.model_fields_set:
        yield Defect((), "no section", f"write {ENCRYPTION}, {AUTHENTICATION}, {AUTHORIZATION} or {METADATA}")


def _flags(document: SecurityConfiguration, _: Setting) -> Found:
    found = document.EncryptionConfiguration
    if found is None:
        return
    for flag, block in (
        ("EnableInTransitEncryption", "InTransitEncryptionConfiguration"),
        ("EnableAtRestEncryption", "AtRestEncryptionConfiguration"),
    ):
        on, there = getattr(found, flag), getattr(found, block) is not None
        if on and not there:
            yield Defect((ENCRYPTION, block), "nothing", f"{flag} is true: add the block, or write false")
        if there and not on:
            yield Defect((ENCRYPTION, flag), "false beside its block", f"EMR ignores {block} then: write true")


def _at_rest(document: SecurityConfiguration, _: Setting) -> Found:
    block = document.EncryptionConfiguration and document.EncryptionConfiguration.AtRestEncryptionConfiguration
    if not block:
        return
    if block.S3EncryptionConfiguration is None and block.LocalDiskEncryptionConfiguration is None:
        yield Defect(AT_REST, "neither S3 nor the local disks", f"add {S3[-1]} or {DISK[-1]}")
    if (s3 := block.S3EncryptionConfiguration) is not None:
        yield from _fitting(S3, s3, s3.EncryptionMode, _BY_MODE)
        yield from _overrides(s3)
    if (disk := block.LocalDiskEncryptionConfiguration) is not None:
        kind = disk.EncryptionKeyProviderType
        yield from _fitting(DISK, disk, kind, _BY_DISK)
        if disk.EnableEbsEncryption and kind != "AwsKms":
            remedy = "EBS is encrypted with a KMS key alone: write AwsKms with a key, or leave it out"
            yield Defect((*DISK, "EnableEbsEncryption"), f"true with {kind}", remedy)
        mine, other = disk.EncryptionKeyProviderClass, s3 and s3.EncryptionKeyProviderClass
        if mine is not None and mine == other:
            remedy = "S3's provider is of this class too: EMR needs another one here"
            yield Defect((*DISK, "EncryptionKeyProviderClass"), shown(mine), remedy)


def _overrides(s3: S3Encryption) -> Found:
    seen: set[str] = set()
    for i, override in enumerate(s3.Overrides or ()):
        at = (*S3, "Overrides", i)
        yield from _fitting(at, override, override.EncryptionMode, _BY_MODE)
        if override.BucketName in seen:
            yield Defect((*at, "BucketName"), f"{shown(override.BucketName)} a second time", "keep one override of it")
        seen.add(override.BucketName)


def _certificates(document: SecurityConfiguration, _: Setting) -> Found:
    block = document.EncryptionConfiguration and document.EncryptionConfiguration.InTransitEncryptionConfiguration
    if not block:
        return
    tls = block.TLSCertificateConfiguration
    kind = tls.CertificateProviderType
    yield from _fitting(TLS, tls, kind, _BY_CERTIFICATE)
    ending = {"PEM": ".zip", "Custom": ".jar"}[kind]
    if not tls.S3Object.lower().endswith(ending):
        yield Defect((*TLS, "S3Object"), shown(tls.S3Object), f"{kind} needs a {ending} file: write its address in S3")


def _kdc(document: SecurityConfiguration, _: Setting) -> Found:
    if document.kerberos is not None:
        yield from _fitting(KERBEROS, document.kerberos, document.kerberos.Provider, _BY_KDC)


def _role_mappings(document: SecurityConfiguration, _: Setting) -> Found:
    emrfs = document.AuthorizationConfiguration and document.AuthorizationConfiguration.EmrFsConfiguration
    seen: set[tuple[str, str]] = set()
    for i, mapping in enumerate(emrfs.RoleMappings if emrfs else ()):
        at = (AUTHORIZATION, "EmrFsConfiguration", "RoleMappings", i)
        for j, identifier in enumerate(mapping.Identifiers):
            key = (mapping.IdentifierType, identifier)
            if key in seen:
                remedy = "an earlier entry takes all of it: keep one"
                yield Defect((*at, "Identifiers", j), f"{shown(identifier)} a second time", remedy)
            seen.add(key)
            yield from _prefix((*at, "Identifiers", j), mapping, identifier)


def _prefix(at: FieldPath, mapping: RoleMapping, identifier: str) -> Found:
    try:
        is_address = bool(S3Uri.parse(identifier))
    except ValueError:
        is_address = False
    if mapping.IdentifierType == "Prefix" and not is_address:
        yield Defect(at, shown(identifier), "a Prefix is an address in S3: write s3://bucket/prefix")
    if mapping.IdentifierType != "Prefix" and "://" in identifier:
        yield Defect(at, shown(identifier), f"a {mapping.IdentifierType} is a name; an address needs the type Prefix")


def _ranger(document: SecurityConfiguration, _: Setting) -> Found:
    found = document.AuthorizationConfiguration
    if found is not None and found.RangerConfiguration is not None and document.kerberos is None:
        yield Defect((AUTHENTICATION,), "nothing", f"Ranger judges whom Kerberos knows: add {KERBEROS[-1]}")


def _plugins(document: SecurityConfiguration, _: Setting) -> Found:
    ranger = document.AuthorizationConfiguration and document.AuthorizationConfiguration.RangerConfiguration
    apps = [plugin.App for plugin in ranger.RangerPluginConfigurations] if ranger else []
    for i, app in enumerate(apps):
        if app in apps[:i]:
            at = (AUTHORIZATION, "RangerConfiguration", "RangerPluginConfigurations", i, "App")
            yield Defect(at, f"{shown(app)} a second time", "keep one plugin of each application")


def _runtime_roles(document: SecurityConfiguration, _: Setting) -> Found:
    found = document.AuthorizationConfiguration
    if found is None:
        return
    iam = found.IAMConfiguration
    on = iam is not None and iam.EnableApplicationScopedIAMRole
    flag = (AUTHORIZATION, "IAMConfiguration", "EnableApplicationScopedIAMRole")
    if found.LakeFormationConfiguration is not None and not on:
        yield Defect(flag, "false" if iam else "nothing", "Lake Formation needs roles of steps: write true")
    if iam is not None and iam.ApplicationScopedIAMRoleConfiguration is not None and not on:
        yield Defect(flag, "false beside its block", "EMR ignores the block then: write true, or leave it out")


def _one_region(document: SecurityConfiguration, setting: Setting) -> Found:
    """Every key is of the cluster's Region, or, while that is unknown, of the first key's."""
    expected = setting.region
    for at, key in keys(document):
        region = Arn.parse(key).region
        expected = expected or region
        if region != expected:
            remedy = f"EMR uses keys of its own Region alone: write a key of {expected}"
            yield Defect(at, f"a key of {region}", remedy)


def _floors(document: SecurityConfiguration, setting: Setting) -> Found:
    if setting.release is None:
        return
    for at, what in _asked(document):
        if not FLOORS[what].allows(setting.release):
            yield Defect(at, f"{what} on {setting.release}", f"EMR has that in {FLOORS[what]}: use one of these")


def _asked(document: SecurityConfiguration) -> Iterator[tuple[FieldPath, str]]:
    """What the document asks a release for, by the field that does."""
    yield (), "security configurations"
    authorization, disk = document.AuthorizationConfiguration, document.at_rest.LocalDiskEncryptionConfiguration
    if document.kerberos is not None:
        external = document.kerberos.Provider == "ExternalKdc"
        yield (*KERBEROS, "Provider"), "an external KDC" if external else "Kerberos"
    if disk is not None and disk.EnableEbsEncryption:
        yield (*DISK, "EnableEbsEncryption"), "EBS encryption"
    if document.InstanceMetadataServiceConfiguration is not None:
        yield (METADATA,), "IMDSv2 by security configuration"
    for field, what in (
        ("EmrFsConfiguration", "EMRFS role mappings"),
        ("RangerConfiguration", "Ranger"),
        ("IAMConfiguration", "runtime roles"),
    ):
        if authorization is not None and getattr(authorization, field) is not None:
            yield (AUTHORIZATION, field), what


def keys(document: SecurityConfiguration) -> Iterator[tuple[FieldPath, str]]:
    """Each KMS key that the document names, by its field."""
    block = document.EncryptionConfiguration and document.EncryptionConfiguration.AtRestEncryptionConfiguration
    if not block:
        return
    s3, disk = block.S3EncryptionConfiguration, block.LocalDiskEncryptionConfiguration
    named = [((*S3, "AwsKmsKey"), s3.AwsKmsKey)] if s3 else []
    overrides = (s3.Overrides or ()) if s3 else ()
    named += [((*S3, "Overrides", i, "AwsKmsKey"), each.AwsKmsKey) for i, each in enumerate(overrides)]
    named += [((*DISK, "AwsKmsKey"), disk.AwsKmsKey)] if disk else []
    yield from ((at, key) for at, key in named if key is not None)


def _fitting(at: FieldPath, section: Section, kind: str, needs: Mapping[str, tuple[str, ...]]) -> Found:
    """What ``kind`` needs and is missing, and what belongs to another kind."""
    for name in dict.fromkeys(name for fields in needs.values() for name in fields):
        value, works = getattr(section, name), type(section).model_fields[name].description
        if name in needs[kind] and value is None:
            yield Defect((*at, name), "nothing", f"{kind} needs it: add {works}")
        if name not in needs[kind] and value is not None:
            others = ", ".join(other for other, fields in needs.items() if name in fields)
            found = f"{shown(value)} beside {kind}" if isinstance(value, str) else f"a block beside {kind}"
            yield Defect((*at, name), found, f"it goes with {others}: leave it out, or change {_chooser(section)}")


def _chooser(section: Section) -> str:
    """The field by which the section's kind is chosen: its first required one of words."""
    kinds = ("EncryptionMode", "EncryptionKeyProviderType", "CertificateProviderType", "Provider")
    return next(name for name in kinds if name in type(section).model_fields)


RULES = (
    Rule(frozenset({ENCRYPTION, AUTHENTICATION, AUTHORIZATION, METADATA}), _something),
    Rule(frozenset({ENCRYPTION}), _flags),
    Rule(frozenset({ENCRYPTION}), _at_rest),
    Rule(frozenset({ENCRYPTION}), _certificates),
    Rule(frozenset({AUTHENTICATION}), _kdc),
    Rule(frozenset({AUTHORIZATION}), _role_mappings),
    Rule(frozenset({AUTHENTICATION, AUTHORIZATION}), _ranger),
    Rule(frozenset({AUTHORIZATION}), _plugins),
    Rule(frozenset({AUTHORIZATION}), _runtime_roles),
    Rule(frozenset({ENCRYPTION}), _one_region),
    Rule(frozenset({ENCRYPTION, AUTHENTICATION, AUTHORIZATION, METADATA}), _floors),
)


def broken(
    rules: Iterable[Rule], document: SecurityConfiguration, setting: Setting, wrong: Iterable[str] = ()
) -> list[Defect]:
    """What is wrong by those rules that read no section of ``wrong``."""
    off = frozenset(wrong)
    return [defect for rule in rules if rule.reads.isdisjoint(off) for defect in rule.find(document, setting)]
