"""What a cluster for protected health information must have; EMR itself would accept less.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-data-encryption-options.html
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from __future__ import annotations

from collections.abc import Iterator

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.security_configuration import SecurityConfiguration
from druid_reindex.model.security_rules import (
    AUTHENTICATION,
    DISK,
    ENCRYPTION,
    IN_TRANSIT,
    METADATA,
    S3,
    Rule,
    Setting,
)
from druid_reindex.model.yaml_file import Defect, shown

Found = Iterator[Defect]
WHY = "protected health information"


def phi_rules(boundary: Boundary) -> tuple[Rule, ...]:
    """The rules of ``boundary``'s clusters; S3 is encrypted with its key, and disks with its key or that of disks."""

    def s3(document: SecurityConfiguration, _: Setting) -> Found:
        yield from _s3(document, boundary)

    def disks(document: SecurityConfiguration, _: Setting) -> Found:
        yield from _disks(document, boundary)

    return (
        Rule(frozenset({ENCRYPTION}), s3),
        Rule(frozenset({ENCRYPTION}), disks),
        Rule(frozenset({ENCRYPTION}), _in_transit),
        Rule(frozenset({AUTHENTICATION}), _kerberos),
        Rule(frozenset({METADATA}), _metadata),
    )


def _s3(document: SecurityConfiguration, boundary: Boundary) -> Found:
    found = document.at_rest.S3EncryptionConfiguration
    if found is None:
        yield Defect(S3, "nothing that is enabled", f"{WHY}: write SSE-KMS with the key {boundary.kms_key_arn}")
        return
    if found.EncryptionMode != "SSE-KMS":
        yield Defect((*S3, "EncryptionMode"), shown(found.EncryptionMode), f"{WHY}: write SSE-KMS")
    elif found.AwsKmsKey not in {None, boundary.kms_key_arn}:
        remedy = f"{WHY} is under the boundary's key: write {boundary.kms_key_arn}"
        yield Defect((*S3, "AwsKmsKey"), shown(found.AwsKmsKey), remedy)
    for i, override in enumerate(found.Overrides or ()):
        if override.EncryptionMode != "SSE-KMS":
            at = (*S3, "Overrides", i, "EncryptionMode")
            yield Defect(at, shown(override.EncryptionMode), f"weaker than the rest of {WHY}: write SSE-KMS")


def _disks(document: SecurityConfiguration, boundary: Boundary) -> Found:
    found = document.at_rest.LocalDiskEncryptionConfiguration
    if found is None:
        yield Defect(DISK, "nothing that is enabled", f"{WHY} is spilled to disks: write AwsKms with the key of disks")
        return
    if found.EncryptionKeyProviderType != "AwsKms":
        at = (*DISK, "EncryptionKeyProviderType")
        yield Defect(at, shown(found.EncryptionKeyProviderType), f"{WHY}: write AwsKms")
    elif found.AwsKmsKey not in {None, boundary.disk_key_arn}:
        remedy = f"{WHY}: write the boundary's key of disks, {boundary.disk_key_arn}"
        yield Defect((*DISK, "AwsKmsKey"), shown(found.AwsKmsKey), remedy)
    if not found.EnableEbsEncryption:
        remedy = f"LUKS leaves the root volume in clear, and {WHY} with it: write true"
        yield Defect((*DISK, "EnableEbsEncryption"), shown(found.EnableEbsEncryption), remedy)


def _in_transit(document: SecurityConfiguration, _: Setting) -> Found:
    if document.in_transit is None:
        yield Defect(IN_TRANSIT, "nothing that is enabled", f"{WHY} goes from node to node: add the certificates")


def _kerberos(document: SecurityConfiguration, _: Setting) -> Found:
    if document.kerberos is None:
        yield Defect((AUTHENTICATION,), "nothing", f"{WHY}: add Kerberos, without which Hadoop believes any name")


def _metadata(document: SecurityConfiguration, _: Setting) -> Found:
    found = document.InstanceMetadataServiceConfiguration
    if found is None:
        remedy = f"{WHY}: add it with MinimumInstanceMetadataServiceVersion 2 and HttpPutResponseHopLimit 1"
        yield Defect((METADATA,), "nothing", remedy)
        return
    if found.MinimumInstanceMetadataServiceVersion != 2:
        at = (METADATA, "MinimumInstanceMetadataServiceVersion")
        yield Defect(at, "1", f"IMDSv1 gives the role's credentials to any request: {WHY}: write 2")
    if found.HttpPutResponseHopLimit != 1:
        at = (METADATA, "HttpPutResponseHopLimit")
        yield Defect(at, shown(found.HttpPutResponseHopLimit), f"containers could ask for credentials; {WHY}: write 1")
