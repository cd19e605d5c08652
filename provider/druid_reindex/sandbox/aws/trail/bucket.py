"""A trail's bucket as CloudTrail itself reaches it: its policy and the key's decide, as for anybody.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/encrypting-cloudtrail-log-files-with-aws-kms.html
(log files are put under the trail's key, digests under S3's own)
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.s3.models import s3_backends

from druid_reindex.sandbox.aws.gate import authorisation, encryption, keys
from druid_reindex.sandbox.aws.gate.bodies import SSE_S3
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.objects import bucket_arn
from druid_reindex.sandbox.aws.gate.operations import Check, Owner, encryption_context
from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

SERVICE = "cloudtrail.amazonaws.com"
ACL = "bucket-owner-full-control"


class NotDelivered(Exception):
    """S3 or KMS refused a file: `code` is what GetTrailStatus says of it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def put_log(trail: Any, key: str, content: bytes, *, enforcing: bool) -> dict[str, str] | None:
    """Put a log file; return the encryption context of its key, None without one. Raises NotDelivered."""
    _allow_put(trail, key, enforcing=enforcing)
    if not trail.kms_key_id:
        _put(trail, key, content, SSE_S3, None)
        return None
    whole = encryption.is_true(encryption.default(trail.bucket_name)[2])
    arn = bucket_arn(trail.bucket_name)
    pairs = {"aws:cloudtrail:arn": str(trail.arn), "aws:s3:arn": arn if whole else f"{arn}/{key}"}
    kms_key = keys.key_arn(trail.kms_key_id)
    if enforcing:
        _allow(trail, Check("kms:GenerateDataKey", kms_key, encryption_context(pairs), Owner.KEY, kms_key))
    _put(trail, key, content, encryption.KMS, kms_key)
    return pairs


def put_digest(trail: Any, key: str, content: bytes, metadata: Mapping[str, str], *, enforcing: bool) -> None:
    """Put a digest with its signature as metadata. Raises NotDelivered."""
    _allow_put(trail, key, enforcing=enforcing)
    _put(trail, key, content, SSE_S3, None).set_metadata({f"x-amz-meta-{name}": metadata[name] for name in metadata})


def read(name: str, key: str) -> bytes:
    """Return what the file says, decompressed. Raises KeyError when there is none."""
    found = encryption.stored_object(name, key)
    if found is None:
        raise KeyError(key)
    return gzip.decompress(found.value)


def rewrite(name: str, key: str, content: bytes, metadata: Mapping[str, str] | None = None) -> None:
    """Put `content`, compressed, in the place of what the file said, as if it had always said so."""
    found = encryption.stored_object(name, key)
    found._etag = None
    found.value = packed(content)
    if metadata is not None:
        found.set_metadata({f"x-amz-meta-{each}": metadata[each] for each in metadata})


def remove(name: str, key: str) -> None:
    """Remove the file with all its versions. Raises KeyError when there is none."""
    encryption.bucket(name).keys.pop(key)


def names(name: str, prefix: str) -> Iterator[str]:
    """Yield the keys below the prefix, in their order."""
    yield from sorted(key for key in encryption.bucket(name).keys if key.startswith(prefix))


def packed(content: bytes) -> bytes:
    """Return the content as a file of CloudTrail's."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def _put(trail: Any, key: str, content: bytes, algorithm: str, kms_key: str | None) -> Any:
    s3 = s3_backends[ACCOUNT][PARTITION]
    made: Any = s3.put_object(
        trail.bucket_name, key, packed(content), encryption=algorithm, kms_key_id=kms_key, disable_notification=True
    )
    made.set_metadata({"Content-Type": "application/json", "Content-Encoding": "gzip"})
    return made


def _allow_put(trail: Any, key: str, *, enforcing: bool) -> None:
    if encryption.bucket(trail.bucket_name) is None:
        raise NotDelivered("NoSuchBucket")
    arn = bucket_arn(trail.bucket_name)
    if enforcing:
        _allow(trail, Check("s3:PutObject", f"{arn}/{key}", {"s3:x-amz-acl": (ACL,)}, Owner.BUCKET, arn))


def _allow(trail: Any, check: Check) -> None:
    about = {"aws:principalisawsservice": ("true",), "aws:principalservicename": (SERVICE,)}
    context: dict[str, tuple[str, ...]] = {
        "aws:currenttime": (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:requestedregion": (REGION,),
        "aws:securetransport": ("true",),
        "aws:sourceaccount": (ACCOUNT,),
        "aws:sourcearn": (str(trail.arn),),
    }
    judged = authorisation.judge(
        Caller(Principal(service=SERVICE), context=about), check, context, "cloudtrail:deliver"
    )
    if not judged.decision.allowed:
        raise NotDelivered("AccessDenied")
