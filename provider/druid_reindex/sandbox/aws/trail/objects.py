"""What a record says of a request to S3, and of the KMS calls that S3 makes for it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption-tracking.html (`SSEApplied`),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html (lists and DeleteObjects stand for
a prefix, and the keys of DeleteObjects are not recorded)
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from druid_reindex.sandbox.aws.gate import encryption
from druid_reindex.sandbox.aws.gate.objects import SSE, ObjectCall, bucket_arn
from druid_reindex.sandbox.aws.site import ACCOUNT
from druid_reindex.sandbox.aws.trail.events import OBJECT, Event

Json = dict[str, Any]

BUCKET = "AWS::S3::Bucket"
# Of a presigned query, what would let somebody else use it is not recorded.
UNRECORDED = frozenset({"X-Amz-Credential", "X-Amz-Security-Token", "X-Amz-Signature", "delete", "x-id"})
_HEADERS = (
    "x-amz-acl", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-storage-class", SSE,
    f"{SSE}-aws-kms-key-id", f"{SSE}-bucket-key-enabled", "x-amz-object-lock-mode", "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-retain-until-date",
)  # fmt: skip
# The names with which a WSGI request has them.
HEADERS = {f"HTTP_{name.upper().replace('-', '_')}": name for name in _HEADERS}
ANSWERED = (SSE, f"{SSE}-aws-kms-key-id", f"{SSE}-bucket-key-enabled", "x-amz-version-id", "x-amz-delete-marker")
SSE_NAMES = {"AES256": "SSE_S3", encryption.KMS: "SSE_KMS"}


def parameters(call: ObjectCall) -> Json:
    """Return the record's `requestParameters`: bucket, key, and the request's own words on them."""
    incoming = call.incoming
    found: Json = {name: value for name, value in incoming.arguments.items() if name not in UNRECORDED}
    if call.bucket:
        found["bucketName"] = call.bucket
    found["Host"] = incoming.header("host") or ""
    if call.key:
        found["key"] = call.key
    environ = incoming.environ
    return found | {name: str(environ[key]) for key, name in HEADERS.items() if key in environ}


def answer(event: Event, headers: Mapping[str, str]) -> Json | None:
    """Return the record's `responseElements` of a request that was granted."""
    found = {name: headers[name] for name in ANSWERED if name in headers}
    return found if found and not event.reads else None


def additional(call: ObjectCall, event: Event, headers: Mapping[str, str], sizes: tuple[int, int]) -> Json:
    """Return the record's `additionalEventData`; `sizes` are the bytes that came in and that went out."""
    incoming = call.incoming
    presigned = "X-Amz-Signature" in incoming.arguments
    found: Json = {}
    if presigned or incoming.header("authorization"):
        method = "QueryString" if presigned else "AuthHeader"
        found = {"SignatureVersion": "SigV4", "AuthenticationMethod": method}
    found["bytesTransferredIn"], found["bytesTransferredOut"] = sizes
    found["x-amz-id-2"] = headers.get("x-amz-id-2", "")
    if event.name in {"PutObject", "CopyObject", "CreateMultipartUpload"}:
        found["SSEApplied"] = _applied(call)
    return found


def resources(call: ObjectCall, event: Event) -> list[Json]:
    """Return the record's `resources`: object or prefix, and bucket."""
    if not call.bucket:
        return []
    bucket = {"accountId": ACCOUNT, "type": BUCKET, "ARN": bucket_arn(call.bucket)}
    if call.key:
        return [{"type": OBJECT, "ARN": call.arn}, bucket]
    return [bucket] if event.is_management else [{"type": OBJECT, "ARNPrefix": subject(call)}, bucket]


def subject(call: ObjectCall) -> str:
    """Return the ARN that a trail's selectors are laid beside: of the object, or of what a list stands for."""
    return f"{bucket_arn(call.bucket)}/{call.key or call.incoming.arguments.get('prefix', '')}"


def extended_id(request_id: str) -> str:
    """Return the second id of an answer of S3's."""
    return base64.b64encode(request_id.encode()).decode()


def _applied(call: ObjectCall) -> str:
    asked = call.incoming.header(SSE)
    if asked is not None:
        return SSE_NAMES.get(asked, asked)
    return f"Default_{SSE_NAMES.get(str(encryption.default(call.bucket)[0]), 'SSE_S3')}"
