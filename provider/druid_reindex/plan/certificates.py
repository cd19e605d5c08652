"""Decides which certificates a cluster's nodes present to each other: which period's, for which names, kept where.

A profile's nodes share one key and one wildcard certificate, as EMR's in-transit encryption takes them: a zip of PEM
files whose address the security configuration names. So a new zip means a new configuration, and a zip is kept for a
whole rotation period. Its address carries its digest: what is there is never another zip. It lies with the data that it
protects, under the same key.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html#emr-encryption-pem-certificate
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri, StoredObject

ROTATION = timedelta(days=30)
"""How long a zip is given to new clusters."""
GRACE = timedelta(days=14)
"""How much longer its certificate holds, for clusters that were launched on the period's last day."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""When the first period began."""
_NAME = re.compile(r"(\d+)-([0-9a-f]{64})\.zip")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One profile's certificate of one rotation period; clusters may rely on it until ``expires_at``."""

    folder: S3Uri
    period: int
    domain: str
    expires_at: datetime

    def uri(self, sha256: str) -> S3Uri:
        """Where the zip of that digest lies."""
        return self.folder / f"{self.period}-{sha256}.zip"

    @property
    def unmade(self) -> S3Uri:
        """The address that stands for the period's zip while nobody has made it."""
        return self.folder / f"{self.period}.zip"


def wanted(boundaries: Boundaries, kind: Classification, profile: str, now: datetime) -> Wanted:
    """The certificate that clusters of ``profile`` launched at ``now`` use."""
    period = (now - EPOCH) // ROTATION
    folder = S3Uri.parse(boundaries.of(kind).data_uri) / "certificates" / profile
    return Wanted(folder, period, domain(boundaries.region), EPOCH + (period + 1) * ROTATION + GRACE)


def domain(region: str) -> str:
    """The wildcard of the private DNS names that EC2 gives to instances of a VPC with Amazon's resolver.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
    """
    return "*.ec2.internal" if region == "us-east-1" else f"*.{region}.compute.internal"


def authority_secret(kind: Classification) -> str:
    """The Secrets Manager secret of the classification's own certificate authority, its key included."""
    return f"druid-reindex/certificate-authority/{kind.value}"


def current(found: Iterable[StoredObject], asked: Wanted) -> S3Uri | None:
    """The period's zip: the one that was first, when two nights made one at once; None when there is none."""
    ours = [each for each in found if _period(each.uri) == asked.period]
    return min(ours, key=lambda each: (each.modified_at, each.uri)).uri if ours else None


def outdated(found: Iterable[StoredObject], now: datetime) -> list[S3Uri]:
    """The zips whose certificates no cluster can rely on any more; objects of other names are left alone."""
    return [
        each.uri
        for each in found
        if (period := _period(each.uri)) is not None and EPOCH + (period + 1) * ROTATION + GRACE < now
    ]


def digest_of(uri: S3Uri) -> str | None:
    """The SHA-256 that the zip's address carries; None when it is no address of a zip."""
    match = _NAME.fullmatch(uri.key.rpartition("/")[2])
    return match[2] if match else None


def _period(uri: S3Uri) -> int | None:
    match = _NAME.fullmatch(uri.key.rpartition("/")[2])
    return int(match[1]) if match else None
