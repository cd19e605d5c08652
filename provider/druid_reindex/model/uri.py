"""S3 addresses and ARNs as values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ARN = re.compile(r"arn:(aws|aws-us-gov|aws-cn):([a-z0-9-]+):([a-z0-9-]*):(\d{12}|):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class S3Uri:
    """An ``s3://bucket/key`` address; ``key`` never starts with a slash and may be empty.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address in ``text``. Raises ValueError when it is not ``s3://bucket[/key]``."""
        scheme, separator, rest = text.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not separator or not _BUCKET.fullmatch(bucket):
            raise ValueError(f"{text!r} is not an S3 address: write s3://bucket/prefix")
        return cls(bucket, key)

    def __truediv__(self, part: str) -> S3Uri:
        """The address of ``part`` below this one."""
        head = self.key.rstrip("/")
        return S3Uri(self.bucket, f"{head}/{part.lstrip('/')}" if head else part.lstrip("/"))

    def covers(self, other: S3Uri) -> bool:
        """Whether ``other`` lies at or below this prefix, by whole path parts."""
        prefix = self.key.rstrip("/")
        below = not prefix or other.key.rstrip("/") == prefix or other.key.startswith(prefix + "/")
        return self.bucket == other.bucket and below

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, order=True)
class StoredObject:
    """An object that S3 lists: where it is, when it was last written (UTC), and its ETag.

    Under SSE-KMS the ETag is no digest of the object's bytes: equal bytes that are written again have another one.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """

    uri: S3Uri
    modified_at: datetime
    etag: str = ""


@dataclass(frozen=True, slots=True, order=True)
class ObjectVersion:
    """One version of an object, or the mark of its deletion; a plain request met the one that ``is_latest``.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    """

    uri: S3Uri
    version_id: str
    is_latest: bool = field(default=False, compare=False)
    is_delete_marker: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Arn:
    """An Amazon Resource Name in its parts.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The ARN in ``text``. Raises ValueError when it is not ``arn:partition:service:region:account:resource``."""
        match = _ARN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an ARN: write arn:aws:service:region:123456789012:resource in full")
        return cls(*match.groups())

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"
