"""A trail of AWS CloudTrail: where its files lie, and what is read of them before anything is judged.

An organization's trail has a folder of its bucket for each account, below that of the organization; the digests of each
account are a chain of their own, and are named after the account, the trail and the trail's home Region.
Sources: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PublicKey.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from druid_reindex.model.uri import Arn, S3Uri

_STAMP = "%Y%m%dT%H%M%SZ"
_END = re.compile(r"_(\d{8}T\d{6}Z)(_backfill)?\.json\.gz$")
BEFORE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The time from ``start`` to ``end``, both in UTC; digests belong to it by the time at which they end."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class TrailScope:
    """The digests of one account and one Region of a trail.

    An organization's has an ``organization_id``, and the ``owner`` that it belongs to: the management account, or the
    delegated administrator's.
    """

    bucket: str
    prefix: str
    account: str
    region: str
    name: str
    home_region: str
    organization_id: str = ""
    owner: str = ""

    @classmethod
    def of(cls, trail: Arn, bucket: str, prefix: str = "") -> TrailScope:
        """The scope of the trail's own account and home Region."""
        return cls(bucket, prefix, trail.account, trail.region, trail.resource.partition("/")[2], trail.region)

    def of_region(self, region: str) -> TrailScope:
        """The same trail's digests of another Region."""
        return replace(self, region=region)

    def of_member(self, organization_id: str, account: str) -> TrailScope:
        """The digests of an account of the organization that the trail is of."""
        return replace(self, account=account, organization_id=organization_id, owner=self.owner or self.account)

    def in_bucket(self, bucket: str) -> TrailScope:
        """The same trail's digests in another bucket, from before it was given this one."""
        return replace(self, bucket=bucket)

    @property
    def arn(self) -> str:
        """The trail's ARN, which for an organization's names the account that it belongs to."""
        return f"arn:aws:cloudtrail:{self.home_region}:{self.owner or self.account}:trail/{self.name}"

    @property
    def logs_folder(self) -> S3Uri:
        """Where there is a folder for each account, or, of an organization's trail, for the organization."""
        return S3Uri(self.bucket, f"{self.prefix}/AWSLogs/" if self.prefix else "AWSLogs/")

    @property
    def regions_folder(self) -> S3Uri:
        """Where there is a folder of digests for each Region."""
        owner = f"{self.organization_id}/{self.account}" if self.organization_id else self.account
        return S3Uri(self.bucket, f"{self.logs_folder.key}{owner}/CloudTrail-Digest/")

    @property
    def folder(self) -> S3Uri:
        """Where the Region's digests lie."""
        return S3Uri(self.bucket, f"{self.regions_folder.key}{self.region}/")

    def digest_key(self, end: datetime, *, backfill: bool = False) -> str:
        """The key of the digest that ends at ``end``."""
        stem = f"{self.account}_CloudTrail-Digest_{self.region}_{self.name}_{self.home_region}_{end:{_STAMP}}"
        return f"{self.folder.key}{end:%Y/%m/%d}/{stem}{'_backfill' if backfill else ''}.json.gz"

    def owns(self, key: str) -> bool:
        """Whether ``key`` is that of a digest of this scope, not of another trail that shares the bucket."""
        ended = digest_end(key)
        return ended is not None and key == self.digest_key(ended, backfill=is_backfill(key))


def digest_end(key: str) -> datetime | None:
    """The time (UTC) at which the digest of that key ends; None when the key is not a digest's."""
    found = _END.search(key)
    if found is None:
        return None
    try:
        return datetime.strptime(found.group(1), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_backfill(key: str) -> bool:
    """Whether the digest of that key names log files that the hour's own digest could not name in time."""
    return key.endswith("_backfill.json.gz")


@dataclass(frozen=True, slots=True)
class StoredDigest:
    """A digest file as S3 gives it: its compressed bytes, and the metadata that hold its signature."""

    body: bytes
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TrailKey:
    """A key that CloudTrail signs digests with: RSA, PKCS #1, DER. Times are UTC."""

    fingerprint: str
    der: bytes
    valid_from: datetime
    valid_until: datetime
