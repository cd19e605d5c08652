"""What of an account a night uses: its buckets, its keys, and what its roles must be allowed to do with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.posture.facts import Intent, Security
from druid_reindex.posture.rules.emr_configuration import at_rest

Role = Literal["instance", "service"]
# Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
_ALL_OF_A_KEY = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)
_THROUGH_S3 = ("kms:Decrypt", "kms:GenerateDataKey")
_VIA = "kms:ViaService"


@dataclass(frozen=True, slots=True)
class WantedUse:
    """What ``rule`` asks of a role and a key; ``conditions`` are what KMS would see of such a request."""

    rule: str
    purpose: str
    role: Role
    key_arn: str
    actions: tuple[str, ...]
    conditions: Mapping[str, str]


def intent_of(
    pipeline: Pipeline, boundaries: Boundaries, request: Mapping[str, Any], security: Security | None
) -> Intent:
    """What a night of the pipeline would do with the RunJobFlow ``request``."""
    boundary = boundaries.of(pipeline.classification)
    return Intent(
        subject=pipeline.datasource,
        region=boundaries.region,
        account=Arn.parse(boundary.kms_key_arn).account,
        engine=pipeline.engine,
        submission=pipeline.submit,
        data_key=boundary.kms_key_arn,
        log_key=boundary.emr_log_kms_key_arn,
        disk_key=boundary.disk_key_arn,
        data_bucket=S3Uri.parse(boundary.segments_uri).bucket,
        log_bucket=S3Uri.parse(boundary.emr_log_uri).bucket,
        subnet_ids=boundary.network.subnet_ids,
        request=request,
        security=security,
        longest_night_hours=pipeline.policy.max_night_hours,
    )


def wanted_buckets(boundaries: Boundaries, boundary: Boundary) -> dict[str, str]:
    """The key that each bucket should encrypt with by default; empty where any customer key will do."""
    data = (boundary.data_uri, boundary.runs_uri, boundary.segments_uri, boundary.task_logs_uri)
    logs = {S3Uri.parse(boundary.emr_log_uri).bucket: boundary.emr_log_kms_key_arn}
    return (
        {S3Uri.parse(boundaries.artifacts_uri).bucket: ""}
        | logs
        | {S3Uri.parse(uri).bucket: boundary.kms_key_arn for uri in data}
    )


def wanted_uses(intent: Intent) -> Iterator[WantedUse]:
    """Every use of a key that a night's clusters make: data through S3, disks by the instance itself, volumes, logs.

    LUKS asks KMS as the instance role, through no service, so that a key policy with ``kms:ViaService`` refuses it.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    data = _through_s3(intent, intent.data_bucket)
    yield WantedUse("KMS-05", "data in S3", "instance", intent.data_key, _THROUGH_S3, data)
    yield WantedUse("KMS-05", "local disks", "instance", intent.disk_key, _ALL_OF_A_KEY, {})
    document = intent.security.document if intent.security else {}
    if at_rest(document, "LocalDiskEncryptionConfiguration", "EnableEbsEncryption") is True:
        volumes = {_VIA: f"ec2.{intent.region}.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
        actions = (*_ALL_OF_A_KEY, "kms:CreateGrant")
        yield WantedUse("KMS-06", "EBS volumes", "service", intent.disk_key, actions, volumes)
    if intent.request.get("LogEncryptionKmsKeyId"):
        logs = _through_s3(intent, intent.log_bucket)
        yield WantedUse("KMS-10", "logs", "instance", intent.log_key, ("kms:GenerateDataKey",), logs)
        yield WantedUse("KMS-10", "logs", "service", intent.log_key, ("kms:DescribeKey",), {})


def _through_s3(intent: Intent, bucket: str) -> dict[str, str]:
    """What KMS sees of a request that S3 makes for a bucket with a bucket key.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
    """
    arn = f"arn:{Arn.parse(intent.data_key).partition}:s3:::{bucket}"
    return {_VIA: f"s3.{intent.region}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": arn}
