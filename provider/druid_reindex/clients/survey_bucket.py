"""Read-only looks at S3 buckets: policy, public access, Region.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import boto3
from botocore.exceptions import ClientError

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import client_config
from druid_reindex.model.account import PublicAccessBlock

T = TypeVar("T")
_ATTEMPTS = 2
# S3's Region of the oldest buckets, which GetBucketLocation tells by saying nothing.
_FIRST_REGION = "us-east-1"


class BucketSurvey:
    """Buckets, read through the session's own credentials. Raises NotFoundError for a bucket that does not exist."""

    def __init__(self, session: boto3.Session) -> None:
        with translated("make an S3 client", "the AWS session"):
            self._s3 = session.client("s3", config=client_config(attempts=_ATTEMPTS))

    def policy(self, bucket: str) -> Mapping[str, Any] | None:
        """The bucket's policy; None when it has none."""
        found = self._unless("NoSuchBucketPolicy", "policy", bucket, self._s3.get_bucket_policy)
        return json.loads(found["Policy"]) if found is not None else None

    def is_public(self, bucket: str) -> bool:
        """Whether S3 calls the bucket's policy public; a bucket without one is not."""
        found = self._unless("NoSuchBucketPolicy", "policy's status", bucket, self._s3.get_bucket_policy_status)
        return bool(found and found["PolicyStatus"]["IsPublic"])

    def public_access_block(self, bucket: str) -> PublicAccessBlock | None:
        """The bucket's four settings; None when it has none."""
        missing = "NoSuchPublicAccessBlockConfiguration"
        found = self._unless(missing, "public access block", bucket, self._s3.get_public_access_block)
        if found is None:
            return None
        told = found["PublicAccessBlockConfiguration"]
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        return PublicAccessBlock(*(bool(told.get(name)) for name in names))

    def region(self, bucket: str) -> str:
        """The bucket's Region."""
        with translated("read a bucket's Region", f"s3://{bucket}"):
            told = self._s3.get_bucket_location(Bucket=bucket).get("LocationConstraint")
        return {None: _FIRST_REGION, "EU": "eu-west-1"}.get(told, str(told))

    def _unless(self, code: str, what: str, bucket: str, ask: Callable[..., T]) -> T | None:
        """The answer; None for S3's own word that there is none."""
        with translated(f"read a bucket's {what}", f"s3://{bucket}"):
            try:
                return ask(Bucket=bucket)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == code:
                    return None
                raise
