"""Amazon S3 as ``ports.ObjectStorePort``: every write names its KMS key and is checked by digest on the way.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any

import boto3
from botocore.exceptions import ClientError

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.errors import (
    ConflictError,
    DruidReindexError,
    IntegrityError,
    NoAnswerError,
    NotFoundError,
    UnavailableError,
)
from druid_reindex.model.uri import S3Uri, StoredObject

_HEADS_AT_ONCE = 8


class S3Client:
    """S3 in one account; objects are small (plans, specs, results) and held in memory."""

    def __init__(self, session: boto3.Session, *, attempts: int = ATTEMPTS) -> None:
        with translated("make an S3 client", "S3"):
            self._s3 = session.client("s3", config=client_config(attempts=attempts))

    def put(self, uri: S3Uri, body: bytes, *, kms_key_arn: str) -> str:
        """The new object's ETag. Raises IntegrityError when S3 encrypted with another key, or got other bytes.

        A bucket key is asked for: KMS then logs the bucket's ARN, not the object's, as encryption context.
        """
        return self._write(uri, body, kms_key_arn, {})

    def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
        """The new object's ETag, once it has replaced the one of ``etag`` (None: once it is the first one there).

        Raises ConflictError when another object is there. Before that, and when no answer arrived, the object is read
        again: if it has these very bytes, the write was done and only its answer was lost. Needs ``s3:GetObject`` too.
        """
        return self._write_if(uri, body, kms_key_arn, {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag})

    def _write_if(self, uri: S3Uri, body: bytes, kms_key_arn: str, condition: Mapping[str, Any]) -> str:
        try:
            return self._write(uri, body, kms_key_arn, condition)
        except (ConflictError, NoAnswerError, UnavailableError, NotFoundError) as error:
            if _names_no_bucket(error):
                raise
            found = self.get_with_etag(uri)
            if found is not None and found[0] == body:
                return found[1]
            if isinstance(error, NotFoundError):
                raise ConflictError(
                    error.attempted, resource=error.resource, came_back="it is gone", remedy="read it again"
                ) from error
            raise

    def _write(self, uri: S3Uri, body: bytes, kms_key_arn: str, condition: Mapping[str, Any]) -> str:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        with translated("write an object", str(uri)):
            answer = self._s3.put_object(
                Bucket=uri.bucket,
                Key=uri.key,
                Body=body,
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=kms_key_arn,
                BucketKeyEnabled=True,
                ChecksumSHA256=digest,
                **condition,
            )
        if answer.get("SSEKMSKeyId") != kms_key_arn:
            raise IntegrityError(
                "write an object",
                resource=str(uri),
                came_back=f"encrypted with {answer.get('SSEKMSKeyId') or 'no KMS key'}, not {kms_key_arn}",
                remedy="delete the object and find out what overrides the key",
            )
        return answer["ETag"].strip('"')

    def get(self, uri: S3Uri) -> bytes:
        """The object's bytes, checked against the checksum S3 keeps. Raises NotFoundError when there is none."""
        with translated("read an object", str(uri)):
            return self._s3.get_object(Bucket=uri.bucket, Key=uri.key, ChecksumMode="ENABLED")["Body"].read()

    def get_with_etag(self, uri: S3Uri) -> tuple[bytes, str] | None:
        """The object's bytes, checked as ``get`` checks them, and its ETag; None when there is none."""
        try:
            with translated("read an object", str(uri)):
                found = self._s3.get_object(Bucket=uri.bucket, Key=uri.key, ChecksumMode="ENABLED")
                return found["Body"].read(), found["ETag"].strip('"')
        except NotFoundError as error:
            if _names_no_bucket(error):
                raise
            return None

    def exists(self, uri: S3Uri) -> bool:
        """Whether the object is there. Raises NotAuthorizedError when S3 will not say (no s3:ListBucket)."""
        try:
            self._kms_key(uri)
        except NotFoundError:
            return False
        return True

    def listing(self, prefix: S3Uri) -> list[StoredObject]:
        """The objects below ``prefix``, in order of their address; none when there is nothing."""
        below = f"{prefix.key.rstrip('/')}/" if prefix.key else ""
        with translated("list objects", str(prefix)):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=below)
            return [
                StoredObject(
                    S3Uri(prefix.bucket, each["Key"]), each["LastModified"].astimezone(UTC), each["ETag"].strip('"')
                )
                for page in pages
                for each in page.get("Contents", [])
            ]

    def delete(self, uri: S3Uri) -> None:
        """Delete the object (in a bucket with versions: hide it); one that is not there is left so."""
        with translated("delete an object", str(uri)):
            self._s3.delete_object(Bucket=uri.bucket, Key=uri.key)

    def kms_keys(self, uris: Iterable[S3Uri]) -> dict[S3Uri, str]:
        """The KMS key ARN on each object as HEAD reports it; an empty text where the object has none."""
        listed = list(uris)
        with ThreadPoolExecutor(max_workers=_HEADS_AT_ONCE, thread_name_prefix="s3-head") as pool:
            return dict(zip(listed, pool.map(self._kms_key, listed), strict=True))

    def _kms_key(self, uri: S3Uri) -> str:
        with translated("read an object's encryption", str(uri)):
            return self._s3.head_object(Bucket=uri.bucket, Key=uri.key).get("SSEKMSKeyId", "")


def _names_no_bucket(error: DruidReindexError) -> bool:
    """Whether S3 said that the bucket does not exist, where the lack of an object would be an answer."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "NoSuchBucket"
