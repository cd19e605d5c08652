"""Amazon S3 as ``ports.ObjectStorePort``: every write names its KMS key and is checked by digest on the way.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import client_config
from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.model.uri import S3Uri, StoredObject

_HEADS_AT_ONCE = 8


class S3Client:
    """S3 in one account; objects are small (plans, specs, results) and held in memory."""

    def __init__(self, session: boto3.Session) -> None:
        with translated("make an S3 client", "S3"):
            self._s3 = session.client("s3", config=client_config())

    def put(self, uri: S3Uri, body: bytes, *, kms_key_arn: str) -> str:
        """The new object's ETag. Raises IntegrityError when S3 encrypted with another key, or got other bytes.

        A bucket key is asked for: KMS then logs the bucket's ARN, not the object's, as encryption context.
        """
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
                StoredObject(S3Uri(prefix.bucket, each["Key"]), each["LastModified"].astimezone(UTC))
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
