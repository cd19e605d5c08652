"""S3's bodies at rest: each under a data key of its own, which is kept encrypted under the object's KMS key.

An object without a KMS key is encrypted under S3's own key (`AES256`), and a new bucket has that as its default.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingServerSideEncryption.html,
https://docs.aws.amazon.com/kms/latest/developerguide/kms-cryptography.html#enveloping
"""

from __future__ import annotations

import hashlib
import os
from functools import wraps
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto.kms.models import kms_backends
from moto.kms.utils import decrypt, encrypt
from moto.s3.models import FakeBucket, FakeKey, S3Backend

from druid_reindex.sandbox.aws.gate import encryption, keys
from druid_reindex.sandbox.aws.gate.objects import bucket_arn
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

NONCE_BYTES = 12
KEY_BITS = 256
SSE_S3 = "AES256"
DEFAULT = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": SSE_S3}, "BucketKeyEnabled": "false"}}
# Stands for the key that S3 keeps to itself: it lives as long as the account, in this process alone.
_S3_KEY = AESGCM.generate_key(KEY_BITS)

_new_key = FakeKey.__init__
_create_bucket = S3Backend.create_bucket
_create_upload = S3Backend.create_multipart_upload


def install() -> None:
    """Let moto's S3 keep bodies encrypted, and leave bucket policies to the gate; before the first bucket is made."""
    replaced: dict[type, dict[str, Any]] = {
        FakeKey: {"__init__": _sealed_init, "value": property(opened, sealed), "etag": property(_etag)},
        FakeBucket: {"get_permission": _leave_to_the_gate},
        S3Backend: {
            "create_bucket": _with_default_encryption,
            "create_multipart_upload": _with_buckets_encryption,
            "delete_bucket_encryption": _reset_encryption,
        },
    }
    for owner, attributes in replaced.items():
        for name, value in attributes.items():
            setattr(owner, name, value)


def sealed(stored: Any, content: bytes | str) -> None:
    """Keep `content`, encrypted under a new data key, in the place of what `stored` held."""
    plain = content.encode() if isinstance(content, str) else content
    data_key = AESGCM.generate_key(KEY_BITS)
    nonce = os.urandom(NONCE_BYTES)
    stored.data_key = _wrapped(stored, data_key)
    stored.contentsize = len(plain)
    if stored._etag is None:
        stored._etag = hashlib.md5(plain, usedforsecurity=False).hexdigest()
    stored._value_buffer.seek(0)
    stored._value_buffer.truncate()
    stored._value_buffer.write(nonce + AESGCM(data_key).encrypt(nonce, plain, None))


def opened(stored: Any) -> bytes:
    """Return the content. Raises moto's KMS errors when its key is gone."""
    with stored.lock:
        stored._value_buffer.seek(0)
        kept: bytes = stored._value_buffer.read()
    data_key = _unwrapped(stored)
    return AESGCM(data_key).decrypt(kept[:NONCE_BYTES], kept[NONCE_BYTES:], None)


def _sealed_init(stored: Any, name: str, value: bytes, *arguments: Any, **options: Any) -> None:
    """Make moto's object empty, and fill it once it knows its key."""
    stored.encryption = stored.kms_key_id = None
    stored.bucket_name = options.get("bucket_name")
    given = options.get("etag")
    _new_key(stored, name, b"", *arguments, **options)
    stored._etag = given
    stored.value = value


def _etag(stored: Any) -> str:
    return f'"{stored._etag}"'


def _kms_key(stored: Any) -> Any:
    """moto's key of an object under SSE-KMS; None when S3's own key is meant."""
    if stored.encryption != encryption.KMS or not stored.kms_key_id:
        return None
    return keys.key(stored.kms_key_id)


def _context(stored: Any) -> dict[str, str]:
    return {"aws:s3:arn": f"{bucket_arn(stored.bucket_name or '')}/{stored.name}"}


def _wrapped(stored: Any, data_key: bytes) -> bytes:
    key = _kms_key(stored)
    if key is None:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(_S3_KEY).encrypt(nonce, data_key, None)
    stored.wrapped_by_kms = True
    return bytes(encrypt(kms_backends[ACCOUNT][REGION].keys, key.id, data_key, _context(stored)))


def _unwrapped(stored: Any) -> bytes:
    if getattr(stored, "wrapped_by_kms", False):
        return bytes(decrypt(kms_backends[ACCOUNT][REGION].keys, stored.data_key, _context(stored))[0])
    nonce, kept = stored.data_key[:NONCE_BYTES], stored.data_key[NONCE_BYTES:]
    return AESGCM(_S3_KEY).decrypt(nonce, kept, None)


def _leave_to_the_gate(bucket: FakeBucket, action: str, resource: str) -> Any:
    from moto.iam.access_control import PermissionResult  # noqa: PLC0415 - as moto does, to break a cycle

    del bucket, action, resource
    return PermissionResult.PERMITTED


@wraps(_create_bucket)
def _with_default_encryption(backend: S3Backend, *arguments: Any, **options: Any) -> FakeBucket:
    bucket = _create_bucket(backend, *arguments, **options)
    bucket.encryption = bucket.encryption or DEFAULT
    return bucket


def _reset_encryption(backend: S3Backend, bucket_name: str) -> None:
    backend.get_bucket(bucket_name).encryption = DEFAULT


def _with_buckets_encryption(backend: S3Backend, bucket_name: str, *arguments: Any, **options: Any) -> Any:
    """A multipart upload without an encryption of its own has the bucket's, and so have its parts."""
    upload: Any = _create_upload(backend, bucket_name, *arguments, **options)
    algorithm, key, _ = encryption.default(bucket_name)
    upload.asked = (upload.sse_encryption, upload.kms_key_id)
    upload.sse_encryption = upload.sse_encryption or algorithm
    if upload.sse_encryption == encryption.KMS:
        upload.kms_key_id = upload.kms_key_id or key
    return upload
