"""EMR's security configuration for one side of the boundary, and what its clusters need to know for Kerberos.

The name holds the document's SHA-256, since EMR cannot change a configuration: another content is another one.
Passwords are named here by their secrets and never read.
Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_CreateSecurityConfiguration.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.cluster_security import ClusterSecurity, KerberosChoice
from druid_reindex.model.identity import digest
from druid_reindex.model.realm import Realms
from druid_reindex.model.security_configuration import SecurityConfiguration
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.document import canonical

PREFIX = "druid-reindex-"
_S3Section = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Needed:
    """A security configuration as EMR is to have it: its name, and the text."""

    name: str
    text: str

    @property
    def content(self) -> Any:
        """The text's JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class KerberosNeeds:
    """What RunJobFlow's KerberosAttributes are made of; a password is where its secret is.

    Without ``admin_secret_id`` a password for kadmin is made up for the one cluster.
    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_KerberosAttributes.html
    """

    realm: str
    admin_secret_id: str | None = None
    trust_secret_id: str | None = None
    join_secret_id: str | None = None


def needs_certificates(security: ClusterSecurity) -> bool:
    """Whether nodes encrypt what they send each other with certificates out of a zip."""
    return security.in_transit and security.certificate_provider is None


def missing(security: ClusterSecurity, boundary: Boundary) -> list[str]:
    """The fields that ``security`` needs of ``boundary`` and that are not there."""
    realms, choice = boundary.kerberos, security.kerberos
    found = []
    if choice is not None and choice.kdc == "external" and realms.external_kdc is None:
        found.append("kerberos.external_kdc")
    if choice is not None and choice.cross_realm_trust and realms.trusted_realm is None:
        found.append("kerberos.trusted_realm")
    return found


def document(security: ClusterSecurity, boundary: Boundary, certificates: S3Uri | None) -> dict[str, Any]:
    """EMR's document of ``security``, with keys and realms of ``boundary``; nothing is ``missing``.

    ``certificates`` is the address of the zip, which is not asked for where no zip is needed.
    """
    found: dict[str, Any] = {
        "EncryptionConfiguration": _encryption(security, boundary, certificates),
        "InstanceMetadataServiceConfiguration": {
            "MinimumInstanceMetadataServiceVersion": security.metadata_service.version,
            "HttpPutResponseHopLimit": security.metadata_service.hop_limit,
        },
    }
    if security.kerberos is not None:
        kerberos = _kerberos(security.kerberos, boundary.kerberos)
        found["AuthenticationConfiguration"] = {"KerberosConfiguration": kerberos}
    if security.authorization is not None:
        found["AuthorizationConfiguration"] = security.authorization.model_dump(mode="json", exclude_none=True)
    return found


def needed(security: ClusterSecurity, boundary: Boundary, certificates: S3Uri | None) -> Needed:
    """The configuration that clusters with ``security`` on this side of the boundary run under."""
    made = SecurityConfiguration.model_validate(document(security, boundary, certificates)).as_document()
    text = canonical(made)
    return Needed(name_of(text), text.decode())


def name_of(text: bytes) -> str:
    """The name of the configuration of this canonical text."""
    return f"{PREFIX}{digest(text)}"


def is_ours(name: str, text: str) -> bool:
    """Whether a configuration of this name and text was made by us: the name is the content's."""
    try:
        return name == name_of(canonical(json.loads(text)))
    except ValueError:
        return False


def kerberos_needs(security: ClusterSecurity | None, boundary: Boundary) -> KerberosNeeds | None:
    """What a cluster's KerberosAttributes are made of; None for a cluster without Kerberos."""
    if security is None or security.kerberos is None:
        return None
    realms = boundary.kerberos
    outside, trusted = realms.external_kdc, realms.trusted_realm
    if security.kerberos.kdc == "external" and outside is not None:
        directory = outside.active_directory
        return KerberosNeeds(
            outside.realm, outside.secret_id, join_secret_id=directory.join_secret_id if directory else None
        )
    if security.kerberos.cross_realm_trust and trusted is not None:
        return KerberosNeeds(
            realms.cluster_realm, trust_secret_id=trusted.secret_id, join_secret_id=trusted.join_secret_id
        )
    return KerberosNeeds(realms.cluster_realm)


def _encryption(security: ClusterSecurity, boundary: Boundary, certificates: S3Uri | None) -> dict[str, Any]:
    at_rest: dict[str, Any] = {}
    if security.s3 != "none":
        at_rest["S3EncryptionConfiguration"] = _s3(security, boundary)
    if security.local_disks:
        at_rest["LocalDiskEncryptionConfiguration"] = {
            "EncryptionKeyProviderType": "AwsKms",
            "AwsKmsKey": boundary.disk_key_arn,
            "EnableEbsEncryption": security.ebs,
        }
    found: dict[str, Any] = {
        "EnableInTransitEncryption": security.in_transit,
        "EnableAtRestEncryption": bool(at_rest),
    }
    if at_rest:
        found["AtRestEncryptionConfiguration"] = at_rest
    if security.in_transit:
        found["InTransitEncryptionConfiguration"] = {
            "TLSCertificateConfiguration": _certificates(security, certificates)
        }
    return found


def _s3(security: ClusterSecurity, boundary: Boundary) -> _S3Section:
    found: _S3Section = {"EncryptionMode": security.s3}
    if security.s3 != "SSE-S3":
        found["AwsKmsKey"] = boundary.kms_key_arn
    if security.s3_other_buckets:
        found["Overrides"] = [
            {"BucketName": each.bucket, "EncryptionMode": "SSE-KMS", "AwsKmsKey": each.kms_key_arn}
            for each in security.s3_other_buckets
        ]
    return found


def _certificates(security: ClusterSecurity, certificates: S3Uri | None) -> dict[str, Any]:
    own = security.certificate_provider
    if own is None:
        return {"CertificateProviderType": "PEM", "S3Object": str(certificates)}
    return {"CertificateProviderType": "Custom", "S3Object": own.jar, "CertificateProviderClass": own.class_name}


def _kerberos(choice: KerberosChoice, realms: Realms) -> dict[str, Any]:
    lifetime: dict[str, Any] = {"TicketLifetimeInHours": choice.ticket_lifetime_hours}
    if choice.kdc == "external":
        return {"Provider": "ExternalKdc", "ExternalKdcConfiguration": lifetime | _external(realms)}
    trusted = realms.trusted_realm
    if choice.cross_realm_trust and trusted is not None:
        lifetime["CrossRealmTrustConfiguration"] = {
            "Realm": trusted.realm,
            "Domain": trusted.domain,
            "AdminServer": trusted.admin_server,
            "KdcServer": trusted.kdc_server,
        }
    return {"Provider": "ClusterDedicatedKdc", "ClusterDedicatedKdcConfiguration": lifetime}


def _external(realms: Realms) -> dict[str, Any]:
    outside = realms.external_kdc
    if outside is None:
        return {}
    found: dict[str, Any] = {
        "KdcServerType": "Single",
        "AdminServer": outside.admin_server,
        "KdcServer": outside.kdc_server,
    }
    if outside.active_directory is not None:
        directory = outside.active_directory
        found["AdIntegrationConfiguration"] = {"AdRealm": directory.realm, "AdDomain": directory.domain}
    return found
