"""EMR's security configuration: as EMR has it, else as the night would make it.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from druid_reindex.model.account import PemBundle
from druid_reindex.model.release import lacks
from druid_reindex.posture.facts import Facts, known
from druid_reindex.posture.rules.registry import Verdict, day, fails, holds, judged, not_applicable, rule

Document = Mapping[str, Any]
_LEAST_KEY_BITS = 2048


def configuration(facts: Facts) -> Iterable[tuple[str, Facts]]:
    """The one security configuration, by its name."""
    security = facts.intent.security
    return [(security.name if security else "the clusters' security configuration", facts)]


def at(document: Document, *path: str) -> Any:
    """What stands in ``document`` under ``path``; None where nothing does."""
    found: Any = document
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def at_rest(document: Document, *path: str) -> Any:
    """What stands under the configuration of encryption at rest."""
    return at(document, "EncryptionConfiguration", "AtRestEncryptionConfiguration", *path)


def certificates(document: Document) -> Document:
    """The configuration of the certificates that encrypt what is in transit; empty where there is none."""
    path = ("EncryptionConfiguration", "InTransitEncryptionConfiguration", "TLSCertificateConfiguration")
    return at(document, *path) or {}


@rule("EMR-01", configuration)
def stored_is_the_intended_one(subject: Facts, facts: Facts) -> Verdict:
    """The night names a configuration, and EMR's stored one of that name, if there is one, says the same."""
    del facts
    intended, stored = subject.intent.security, known(subject.stored_configuration)
    if intended is None:
        return fails("the cluster profile names no security configuration")
    if stored is None:
        return holds("EMR has none of this name yet: the night makes it")
    return (
        holds("EMR has the intended one")
        if stored == intended.document
        else fails("EMR's stored one says something else")
    )


@rule("EMR-02", configuration)
def s3_is_encrypted_with_the_key(subject: Facts, facts: Facts) -> Verdict:
    """SSE-KMS with the data key, and every bucket's override SSE-KMS with one of the night's keys."""
    document, intent = subject.configuration, facts.intent
    encryption = at_rest(document, "S3EncryptionConfiguration") or {}
    defects = [] if _is_on(document, "EnableAtRestEncryption") else ["EnableAtRestEncryption is not true"]
    if encryption.get("EncryptionMode") != "SSE-KMS":
        defects.append(f"EncryptionMode is {encryption.get('EncryptionMode')}")
    if encryption.get("AwsKmsKey") != intent.data_key:
        defects.append("AwsKmsKey is not the data's")
    defects += [
        f"the override of {each.get('BucketName')} is weaker"
        for each in encryption.get("Overrides", [])
        if each.get("EncryptionMode") != "SSE-KMS"
        or each.get("AwsKmsKey") not in {intent.data_key, intent.log_key, intent.disk_key}
    ]
    return judged(defects, f"SSE-KMS with {intent.data_key}")


@rule("EMR-03", configuration)
def disks_are_encrypted_with_the_key(subject: Facts, facts: Facts) -> Verdict:
    """Local disks by LUKS, with a KMS key of the night's."""
    disks = at_rest(subject.configuration, "LocalDiskEncryptionConfiguration") or {}
    defects = []
    if disks.get("EncryptionKeyProviderType") != "AwsKms":
        defects.append(f"EncryptionKeyProviderType is {disks.get('EncryptionKeyProviderType')}")
    if disks.get("AwsKmsKey") != facts.intent.disk_key:
        defects.append("AwsKmsKey is not the disks'")
    return judged(defects, f"AwsKms with {facts.intent.disk_key}")


@rule("EMR-04", configuration)
def root_volumes_are_encrypted(subject: Facts, facts: Facts) -> Verdict:
    """EnableEbsEncryption, on a release that knows it: LUKS leaves the root volume clear."""
    is_on = at_rest(subject.configuration, "LocalDiskEncryptionConfiguration", "EnableEbsEncryption") is True
    defects = [] if is_on else ["EnableEbsEncryption is not true"]
    return judged([*defects, *lacks(facts.intent.release_label, "EBS encryption")], "EnableEbsEncryption is true")


@rule("EMR-05", configuration)
def transit_is_encrypted(subject: Facts, facts: Facts) -> Verdict:
    """In-transit encryption is on, with certificates from S3."""
    del facts
    document = subject.configuration
    found = certificates(document)
    defects = [] if _is_on(document, "EnableInTransitEncryption") else ["EnableInTransitEncryption is not true"]
    if found.get("CertificateProviderType") not in {"PEM", "Custom"}:
        defects.append(f"CertificateProviderType is {found.get('CertificateProviderType')}")
    if not str(found.get("S3Object", "")).startswith("s3://"):
        defects.append("S3Object is not set")
    return judged(defects, f"{found.get('CertificateProviderType')} from {found.get('S3Object')}")


@rule("EMR-06", configuration)
def pem_bundle_is_sound(subject: Facts, facts: Facts) -> Verdict:
    """The zip has its three files, a key of its own certificate, a name for the nodes, and days left to live."""
    if certificates(subject.configuration).get("CertificateProviderType") == "Custom":
        return not_applicable("a certificate provider of your own, no PEM bundle")
    found = known(subject.pem)
    if found is None:
        return fails("there is no PEM bundle")
    return judged(_pem_defects(found, facts), f"{found.uri}: {found.key_bits} bits, until {day(found.not_after)}")


def _pem_defects(found: PemBundle, facts: Facts) -> Iterable[str]:
    missing = {"privateKey.pem", "certificateChain.pem", "trustedCertificates.pem"} - set(found.files)
    if missing:
        yield f"missing at the zip's root: {', '.join(sorted(missing))}"
    if not found.object_encryption.startswith("aws:kms"):
        yield f"the object's encryption is {found.object_encryption or 'none'}"
    if missing & {"privateKey.pem", "certificateChain.pem"}:
        return
    if not found.key_matches:
        yield "the key is not its certificate's"
    if found.key_bits < _LEAST_KEY_BITS:
        yield f"the key has {found.key_bits} bits"
    domain = "ec2.internal" if facts.intent.region == "us-east-1" else f"{facts.intent.region}.compute.internal"
    if f"*.{domain}" not in found.names:
        yield f"no certificate for *.{domain}"
    if found.not_after is None or found.not_after < facts.at + timedelta(hours=facts.intent.longest_night_hours):
        yield "it expires before the night's end"


@rule("EMR-07", configuration)
def kerberos_is_on(subject: Facts, facts: Facts) -> Verdict:
    """Kerberos in the configuration, and the night's attributes with it, in a realm of upper case."""
    found = at(subject.configuration, "AuthenticationConfiguration", "KerberosConfiguration")
    realm = facts.intent.security.realm if facts.intent.security else ""
    if not found:
        return fails("KerberosConfiguration is not there")
    trust = at(found, "ClusterDedicatedKdcConfiguration", "CrossRealmTrustConfiguration", "Realm")
    defects = [] if realm and realm == realm.upper() else [f"the realm is {realm or 'not named'}, not in upper case"]
    defects += ["the trusted realm is the cluster's own"] if trust and trust == realm else []
    if trust and not (facts.intent.security and facts.intent.security.secret_ids):
        defects.append("no secret is named for the trust's password")
    return judged(defects, f"{found.get('Provider')}, realm {realm}")


@rule("EMR-09", configuration)
def only_imds_v2_answers(subject: Facts, facts: Facts) -> Verdict:
    """Instances' metadata answers version 2 alone, one hop far."""
    del facts
    found = at(subject.configuration, "InstanceMetadataServiceConfiguration") or {}
    version, hops = found.get("MinimumInstanceMetadataServiceVersion"), found.get("HttpPutResponseHopLimit")
    defects = [] if version == 2 else [f"MinimumInstanceMetadataServiceVersion is {version}"]
    defects += [] if hops == 1 else [f"HttpPutResponseHopLimit is {hops}"]
    return judged(defects, "version 2, one hop")


def _is_on(document: Document, flag: str) -> bool:
    return at(document, "EncryptionConfiguration", flag) is True
