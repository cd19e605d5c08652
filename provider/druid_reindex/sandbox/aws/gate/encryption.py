"""Which KMS keys S3 uses for a request, on behalf of who asks, and whether they can be used.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html (permissions, encryption context),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions (multipart uploads),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html (the bucket's ARN as the context)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.s3.models import s3_backends

from druid_reindex.sandbox.aws.gate import keys
from druid_reindex.sandbox.aws.gate.objects import SSE, SSE_KEY, ObjectCall, bucket_arn
from druid_reindex.sandbox.aws.gate.operations import Check, Owner, encryption_context
from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

KMS = "aws:kms"
VIA_S3 = f"s3.{REGION}.amazonaws.com"
BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"
GENERATE, DECRYPT = "kms:GenerateDataKey", "kms:Decrypt"
WRITES = {"PutObject", "CreateMultipartUpload"}
PARTS = {"UploadPart", "CompleteMultipartUpload"}


class KeyUnusable(Exception):
    """KMS refused S3 the use of a key, which `check` is about: `code` and `said` are S3's."""

    def __init__(self, code: str, said: str, check: Check) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.check = check


@dataclass(frozen=True)
class Use:
    """The encryption of one object: the key's name as S3 was told, None for S3's own key."""

    key: str | None
    bucket_key: bool
    bucket: str
    object: str

    @property
    def context(self) -> dict[str, str]:
        """The encryption context that S3 gives KMS."""
        arn = bucket_arn(self.bucket)
        return {"aws:s3:arn": arn if self.bucket_key else f"{arn}/{self.object}"}


def checks(call: ObjectCall) -> Iterator[Check]:
    """Return what KMS has to allow for the request. Raises KeyUnusable."""
    if call.copy_source is not None:
        bucket, key, version = call.copy_source
        yield from _check(DECRYPT, _stored(bucket, key, version))
    if call.operation in WRITES:
        yield from _check(GENERATE, _wanted(call))
    elif call.operation == "GetObject":
        yield from _check(DECRYPT, _stored(call.bucket, call.key, call.incoming.arguments.get("versionId")))
    elif call.operation in PARTS:
        yield from _check(DECRYPT, _upload(call))


def bucket(name: str) -> Any:
    """Return moto's bucket; None when there is none."""
    return s3_backends[ACCOUNT][PARTITION].buckets.get(name)


def stored_object(name: str, key: str, version: str | None = None) -> Any:
    """Return moto's object; None when there is none, or a delete marker in its place."""
    found = bucket(name)
    versions = found.keys.getlist(key, default=[]) if found is not None else []
    if version is not None:
        versions = [each for each in versions if str(each.version_id) == version]
    return versions[-1] if versions and hasattr(versions[-1], "kms_key_id") else None


def upload(name: str, upload_id: str) -> Any:
    """Return moto's multipart upload; None when there is none."""
    found = bucket(name)
    return found.multiparts.get(upload_id) if found is not None else None


def upload_keys(call: ObjectCall) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that a part has from the headers with which its upload was begun.

    A part cannot carry these headers itself, and bucket policies that ask for them are written for PutObject, which is
    a part's action too. AWS's pages do not spell this out: an inference.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html (the headers belong to the upload)
    """
    found = upload(call.bucket, call.incoming.arguments.get("uploadId", "")) if call.operation in PARTS else None
    asked = zip((SSE, SSE_KEY), found.asked, strict=True) if found is not None else ()
    return {f"s3:{name}": (str(value),) for name, value in asked if value}


def default(name: str) -> tuple[str | None, str | None, bool]:
    """Return the bucket's default encryption: algorithm, key, and whether it uses bucket keys."""
    found = bucket(name)
    if found is None or not found.encryption:
        return None, None, False
    rule = found.encryption["Rule"]
    by_default = rule["ApplyServerSideEncryptionByDefault"]
    return by_default["SSEAlgorithm"], by_default.get("KMSMasterKeyID"), is_true(rule.get("BucketKeyEnabled"))


def is_true(value: object) -> bool:
    """Return what a flag means that is a boolean or its text."""
    return str(value).lower() == "true"


def _wanted(call: ObjectCall) -> Use | None:
    algorithm, key, bucket_key = default(call.bucket)
    header = call.incoming.header(SSE)
    said = call.incoming.header(BUCKET_KEY)
    if (header or algorithm) != KMS:
        return None
    flag = bucket_key if said is None else is_true(said)
    return Use(call.incoming.header(SSE_KEY) or key, flag, call.bucket, call.key)


def _stored(name: str, key: str, version: str | None) -> Use | None:
    found = stored_object(name, key, version)
    if found is None or found.encryption != KMS:
        return None
    return Use(found.kms_key_id, is_true(found.bucket_key_enabled), name, key)


def _upload(call: ObjectCall) -> Use | None:
    found = upload(call.bucket, call.incoming.arguments.get("uploadId", ""))
    if found is None or found.sse_encryption != KMS:
        return None
    return Use(found.kms_key_id, default(call.bucket)[2], call.bucket, call.key)


def _check(action: str, use: Use | None) -> Iterator[Check]:
    """The check of one use. S3's own key (`aws/s3`) allows everybody in the account, through S3."""
    if use is None or use.key is None:
        return
    found, arn = keys.key(use.key), keys.key_arn(use.key)
    context = encryption_context(use.context) | {"kms:viaservice": (VIA_S3,), "aws:viaawsservice": ("true",)}
    check = Check(action, arn, context, Owner.KEY, arn)
    if found is None:
        raise KeyUnusable("KMS.NotFoundException", f"Key '{arn}' does not exist", check)
    if found.key_state == keys.DISABLED:
        raise KeyUnusable("KMS.DisabledException", f"{arn} is disabled.", check)
    if found.key_state != keys.ENABLED:
        raise KeyUnusable("KMS.KMSInvalidStateException", f"{arn} is pending deletion.", check)
    yield check
