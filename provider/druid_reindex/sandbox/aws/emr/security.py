"""What EMR refuses of a security configuration, and of a cluster that does not fit the one that it names.

Written from AWS's documentation and apart from the product's own rules, so that neither hides a mistake of the other.
The text about properties that do not exist is AWS's, the others are ours.
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
Source: https://github.com/awsdocs/amazon-emr-management-guide/pull/23 (the text)
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-configure-settings.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.emr.exceptions import InvalidRequestException, ValidationException

Json = Mapping[str, Any]
Release = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """An object: its properties (a Shape, a list of one, a type, or the texts that are allowed), and those required."""

    properties: Mapping[str, Any]
    required: tuple[str, ...] = ()
    needs: Mapping[tuple[str, Any], tuple[str, ...]] = field(default_factory=dict)


_KEYS = {"EncryptionMode": ("SSE-S3", "SSE-KMS", "CSE-KMS", "CSE-Custom"), "AwsKmsKey": str, "S3Object": str,
         "EncryptionKeyProviderClass": str}  # fmt: skip
_JAR = ("S3Object", "EncryptionKeyProviderClass")
_BY_MODE = {
    ("EncryptionMode", "SSE-KMS"): ("AwsKmsKey",),
    ("EncryptionMode", "CSE-KMS"): ("AwsKmsKey",),
    ("EncryptionMode", "CSE-Custom"): _JAR,
}
_OVERRIDE = Shape({"BucketName": str, **_KEYS}, ("BucketName", "EncryptionMode"), _BY_MODE)
_S3 = Shape({**_KEYS, "Overrides": [_OVERRIDE]}, ("EncryptionMode",), _BY_MODE)
_DISK = Shape(
    {"EncryptionKeyProviderType": ("AwsKms", "Custom"), "AwsKmsKey": str, "S3Object": str,
     "EncryptionKeyProviderClass": str, "EnableEbsEncryption": bool},
    ("EncryptionKeyProviderType",),
    {("EncryptionKeyProviderType", "AwsKms"): ("AwsKmsKey",), ("EncryptionKeyProviderType", "Custom"): _JAR},
)  # fmt: skip
_TLS = Shape(
    {"CertificateProviderType": ("PEM", "Custom"), "S3Object": str, "CertificateProviderClass": str},
    ("CertificateProviderType", "S3Object"),
    {("CertificateProviderType", "Custom"): ("CertificateProviderClass",)},
)
_ENCRYPTION = Shape(
    {
        "EnableInTransitEncryption": bool,
        "EnableAtRestEncryption": bool,
        "InTransitEncryptionConfiguration": Shape(
            {"TLSCertificateConfiguration": _TLS}, ("TLSCertificateConfiguration",)
        ),
        "AtRestEncryptionConfiguration": Shape(
            {"S3EncryptionConfiguration": _S3, "LocalDiskEncryptionConfiguration": _DISK}
        ),
    },
    (),
    {
        ("EnableInTransitEncryption", True): ("InTransitEncryptionConfiguration",),
        ("EnableAtRestEncryption", True): ("AtRestEncryptionConfiguration",),
    },
)
_TRUST = Shape(
    dict.fromkeys(("Realm", "Domain", "AdminServer", "KdcServer"), str), ("Realm", "Domain", "AdminServer", "KdcServer")
)
_DEDICATED = Shape({"TicketLifetimeInHours": int, "CrossRealmTrustConfiguration": _TRUST})
_EXTERNAL = Shape(
    {"TicketLifetimeInHours": int, "KdcServerType": ("Single",), "AdminServer": str, "KdcServer": str,
     "AdIntegrationConfiguration": Shape({"AdRealm": str, "AdDomain": str}, ("AdRealm", "AdDomain"))},
    ("KdcServerType", "AdminServer", "KdcServer"),
)  # fmt: skip
_KERBEROS = Shape(
    {
        "Provider": ("ClusterDedicatedKdc", "ExternalKdc"),
        "ClusterDedicatedKdcConfiguration": _DEDICATED,
        "ExternalKdcConfiguration": _EXTERNAL,
    },
    ("Provider",),
    {
        ("Provider", "ClusterDedicatedKdc"): ("ClusterDedicatedKdcConfiguration",),
        ("Provider", "ExternalKdc"): ("ExternalKdcConfiguration",),
    },
)
_MAPPING = Shape(
    {"Role": str, "IdentifierType": ("User", "Group", "Prefix"), "Identifiers": [str]},
    ("Role", "IdentifierType", "Identifiers"),
)
_PLUGIN_PROPERTIES = ("App", "ClientSecretARN", "PolicyRepositoryName")
_RANGER_TEXTS = ("AdminServerURL", "RoleForRangerPluginsARN", "RoleForOtherAWSServicesARN", "AdminServerSecretARN")
_LOGS = Shape({"AmazonCloudWatchLogs": Shape({"CloudWatchLogGroup": str}, ("CloudWatchLogGroup",))})
_RANGER = Shape(
    {
        **dict.fromkeys(_RANGER_TEXTS, str),
        "RangerPluginConfigurations": [Shape(dict.fromkeys(_PLUGIN_PROPERTIES, str), _PLUGIN_PROPERTIES)],
        "AuditConfiguration": Shape({"Destinations": _LOGS}, ("Destinations",)),
    },
    (*_RANGER_TEXTS, "RangerPluginConfigurations"),
)
_IAM = Shape(
    {
        "EnableApplicationScopedIAMRole": bool,
        "ApplicationScopedIAMRoleConfiguration": Shape({"PropagateSourceIdentity": bool}),
    },
    ("EnableApplicationScopedIAMRole",),
)
DOCUMENT = Shape(
    {
        "EncryptionConfiguration": _ENCRYPTION,
        "AuthenticationConfiguration": Shape({"KerberosConfiguration": _KERBEROS}, ("KerberosConfiguration",)),
        "AuthorizationConfiguration": Shape(
            {
                "EmrFsConfiguration": Shape({"RoleMappings": [_MAPPING]}, ("RoleMappings",)),
                "RangerConfiguration": _RANGER,
                "IAMConfiguration": _IAM,
                "LakeFormationConfiguration": Shape({"AuthorizedSessionTagValue": str}, ("AuthorizedSessionTagValue",)),
            }
        ),
        "InstanceMetadataServiceConfiguration": Shape(
            {"MinimumInstanceMetadataServiceVersion": (1, 2), "HttpPutResponseHopLimit": range(1, 65)},
            ("MinimumInstanceMetadataServiceVersion",),
        ),
    }
)
# The releases since which EMR knows an option: the first of each major. Source: the pages of the options.
_OLDEST: Mapping[str, tuple[Release, ...]] = {
    "security configurations": ((4, 8),),
    "Kerberos": ((5, 10),),
    "an external KDC": ((5, 20),),
    "EBS encryption": ((5, 24),),
    "the instance metadata service": ((5, 32), (6, 2)),
    "Apache Ranger": ((5, 32), (6, 3)),
    "runtime roles": ((6, 7),),
}


def document(text: str) -> dict[str, Any]:
    """The document in `text`. Raises InvalidRequestException for what is no security configuration."""
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise InvalidRequestException(f"The security configuration is not valid JSON: {error}.") from error
    if not isinstance(found, dict) or not found:
        raise InvalidRequestException("Invalid security configuration; it must be a JSON object with properties.")
    for problem in _problems(found, DOCUMENT, "object"):
        raise InvalidRequestException(f"Invalid security configuration; {problem}.")
    return found


def fits(request: Json, found: Json) -> None:
    """Refuse a RunJobFlow whose release, Region or Kerberos attributes do not fit its security configuration `found`.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_KerberosAttributes.html
    """
    _attributes(request.get("KerberosAttributes") or {}, kerberos(found))
    if not found:
        return
    major, minor, *_ = (int(part) for part in str(request["ReleaseLabel"]).removeprefix("emr-").split("."))
    for what in _asked(found):
        oldest = _OLDEST[what]
        own = [since for since in oldest if since[0] == major]
        if (major, minor) < (own[0] if own else max(oldest)):
            _refuse(f"The release {request['ReleaseLabel']} does not support {what}.")
    for key in _texts(found, "AwsKmsKey"):
        if key.startswith("arn:") and key.split(":")[3] != request["Region"]:
            _refuse(f"The KMS key {key} must be in the Region of the cluster, {request['Region']}.")


def kerberos(found: Json) -> Json:
    """The Kerberos section of a document; empty when it has none."""
    section: Json = found.get("AuthenticationConfiguration", {}).get("KerberosConfiguration", {})
    return section


def _attributes(attributes: Json, section: Json) -> None:
    if bool(attributes) != bool(section):
        _refuse("KerberosAttributes must be specified if, and only if, the security configuration enables Kerberos.")
    if not section:
        return
    for name in ("Realm", "KdcAdminPassword"):
        if not attributes.get(name):
            _refuse(f"KerberosAttributes must have a {name}.")
    trust = section.get("ClusterDedicatedKdcConfiguration", {}).get("CrossRealmTrustConfiguration", {})
    directory = section.get("ExternalKdcConfiguration", {}).get("AdIntegrationConfiguration", {})
    if bool(attributes.get("CrossRealmTrustPrincipalPassword")) != bool(trust):
        _refuse("CrossRealmTrustPrincipalPassword must be specified if, and only if, there is a cross-realm trust.")
    if attributes["Realm"] in (trust.get("Realm"), directory.get("AdRealm")):
        _refuse(f"The realm {attributes['Realm']} cannot trust itself.")
    _join(attributes, bool(trust or directory))


def _join(attributes: Json, has_directory: bool) -> None:
    user = bool(attributes.get("ADDomainJoinUser"))
    if user != bool(attributes.get("ADDomainJoinPassword")):
        _refuse("ADDomainJoinUser and ADDomainJoinPassword must be specified together.")
    if user and not has_directory:
        _refuse("ADDomainJoinUser needs a cross-realm trust or an Active Directory integration.")


def _asked(found: Json) -> Iterator[str]:
    yield "security configurations"
    if section := kerberos(found):
        yield "Kerberos" if section["Provider"] == "ClusterDedicatedKdc" else "an external KDC"
    if "InstanceMetadataServiceConfiguration" in found:
        yield "the instance metadata service"
    at_rest = found.get("EncryptionConfiguration", {}).get("AtRestEncryptionConfiguration", {})
    if at_rest.get("LocalDiskEncryptionConfiguration", {}).get("EnableEbsEncryption"):
        yield "EBS encryption"
    authorization = found.get("AuthorizationConfiguration", {})
    if "RangerConfiguration" in authorization:
        yield "Apache Ranger"
    if "IAMConfiguration" in authorization:
        yield "runtime roles"


def _problems(found: Any, shape: Any, name: str) -> Iterator[str]:
    """What is wrong with `found`, outermost first."""
    if isinstance(shape, Shape):
        yield from _object_problems(found, shape, name)
    elif isinstance(shape, list):
        if not isinstance(found, list) or not found:
            yield f"{name} must be a list with at least one item"
            return
        for item in found:
            yield from _problems(item, shape[0], name)
    elif isinstance(shape, type):
        if type(found) is not shape or (found in ("", 0) and not isinstance(found, bool)):
            yield f"{name} must be a {shape.__name__} with a value"
    elif isinstance(found, bool) or found not in shape:
        yield f"{name} has the value {found!r}, which is none of {_shown(shape)}"


def _object_problems(found: Any, shape: Shape, name: str) -> Iterator[str]:
    if not isinstance(found, dict):
        yield f"{name} must be an object"
        return
    if unknown := [key for key in found if key not in shape.properties]:
        yield f"{name} has invalid properties: [{', '.join(unknown)}]"
        return
    needed = {
        *shape.required,
        *(n for (key, value), names in shape.needs.items() if found.get(key) == value for n in names),
    }
    if absent := sorted(needed - found.keys()):
        yield f"{name} has missing required properties: [{', '.join(absent)}]"
        return
    for key, value in found.items():
        yield from _problems(value, shape.properties[key], key)


def _shown(choices: Any) -> str:
    return f"{choices[0]} to {choices[-1]}" if isinstance(choices, range) else ", ".join(map(str, choices))


def _texts(found: Any, name: str) -> Iterator[str]:
    """Each text that stands under the property `name`, at any depth."""
    for key, value in found.items() if isinstance(found, dict) else enumerate(found if isinstance(found, list) else ()):
        if key == name and isinstance(value, str):
            yield value
        yield from _texts(value, name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a property stands twice")
    return dict(pairs)


def _refuse(message: str) -> None:
    raise ValidationException(message)
