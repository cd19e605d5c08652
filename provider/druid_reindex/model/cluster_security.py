"""What a cluster is protected with: the short file ``emr_configs/security/<name>.yaml``.

It says what is on; keys, certificates, realms and servers are the boundary's. What is left out is on, at its strictest;
a KDC alone must be chosen. ``plan.security`` makes EMR's document of it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from druid_reindex.model.frozen import Frozen
from druid_reindex.model.security_configuration import Authorization, Bucket, ClassName, KeyArn, S3Address


class OtherBucket(Frozen):
    """A bucket that EMRFS encrypts with another key."""

    bucket: Bucket = Field(description="a bucket's name")
    kms_key_arn: KeyArn = Field(description="a KMS key's full ARN, no alias")


class CertificateProvider(Frozen):
    """A class that gives the nodes their certificates, in the place of the boundary's zip."""

    jar: S3Address = Field(description="the JAR's address, s3://bucket/key.jar")
    class_name: ClassName = Field(description="the class's full name, such as com.example.Certificates")


class KerberosChoice(Frozen):
    """Which KDC knows the cluster."""

    kdc: Literal["dedicated", "external"] = Field(description="dedicated (on the cluster itself) or external")
    ticket_lifetime_hours: int = Field(24, ge=1, strict=True, description="hours that a ticket is good for, from 1")
    cross_realm_trust: bool = Field(
        default=False,
        strict=True,
        description="true or false: whether the dedicated KDC trusts the boundary's trusted_realm",
    )


class MetadataChoice(Frozen):
    """How strictly nodes give away their role's credentials."""

    version: Literal[1, 2] = Field(2, description="2, or 1 to allow IMDSv1")
    hop_limit: int = Field(1, ge=1, le=64, strict=True, description="hops that an answer may go, 1 to 64")


class ClusterSecurity(Frozen):
    """What a cluster is protected with."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the file's own name without .yaml")
    s3: Literal["SSE-KMS", "SSE-S3", "CSE-KMS", "none"] = Field(
        "SSE-KMS", description="SSE-KMS, CSE-KMS (with the boundary's key), SSE-S3 or none: what EMRFS writes to S3"
    )
    s3_other_buckets: tuple[OtherBucket, ...] = Field((), description="a list of {bucket, kms_key_arn}")
    local_disks: bool = Field(
        default=True, strict=True, description="true or false: LUKS with the boundary's key of disks"
    )
    ebs: bool = Field(
        default=True, strict=True, description="true or false: EBS encryption, which covers the root volume too"
    )
    in_transit: bool = Field(
        default=True, strict=True, description="true or false: TLS with the boundary's certificates"
    )
    certificate_provider: CertificateProvider | None = Field(
        None, description="{jar, class_name} in the place of the boundary's certificates, or null"
    )
    kerberos: KerberosChoice | None = Field(description="{kdc: dedicated} or {kdc: external}, or null for none")
    metadata_service: MetadataChoice = Field(MetadataChoice(), description="version and hop_limit")
    authorization: Authorization | None = Field(
        None, description="EMR's AuthorizationConfiguration in its own keys (roles of EMRFS, Ranger, runtime roles)"
    )

    @property
    def is_known_outside(self) -> bool:
        """Whether services outside the cluster can be principals there: an external KDC, or a trust."""
        return self.kerberos is not None and (self.kerberos.kdc == "external" or self.kerberos.cross_realm_trust)
