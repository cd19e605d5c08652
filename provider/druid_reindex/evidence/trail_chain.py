"""Walks the chain of a trail's digests from the newest back, as ``aws cloudtrail validate-logs`` does, and judges each.

In addition the signature that a digest names as its predecessor's must be the predecessor's own.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from druid_reindex.evidence.trail_digest import Digest, DigestError, read_digest
from druid_reindex.model.trail import StoredDigest, TrailKey, Window, digest_end
from druid_reindex.model.uri import S3Uri


class Verdict(StrEnum):
    """What is known of a digest or log file."""

    VALID = "valid"
    MISSING = "not found"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Link:
    """One digest of the chain; ``digest`` is None unless it is valid."""

    uri: S3Uri
    verdict: Verdict
    why: str = ""
    digest: Digest | None = None

    def __str__(self) -> str:
        return f"digest {self.uri}: {self.verdict}{': ' + self.why if self.why else ''}"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which CloudTrail delivered nothing: it was stopped, or log file validation was off, and began anew."""

    since: datetime
    until: datetime

    def __str__(self) -> str:
        return f"no log files were delivered from {self.since:%Y-%m-%dT%H:%M:%SZ} to {self.until:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class DigestSource:
    """How digests are had: ``listed`` are the keys of a bucket within the window, ``read`` is None where none is."""

    listed: Callable[[str], Sequence[str]]
    read: Callable[[S3Uri], StoredDigest | None]
    keys: Mapping[str, TrailKey]


def walk(source: DigestSource, bucket: str, window: Window) -> Iterator[Link | Gap]:
    """Each digest of ``window``, newest first, and the gaps where a chain begins anew.

    A digest that nobody lists is still asked for when its successor names it; after one that is missing or invalid the
    walk goes on with the next older one that is listed.
    """
    keys = _by_end(source.listed(bucket))
    uri = S3Uri(bucket, keys.pop()) if keys else None
    reached = _ended(uri) if uri is not None else window.end
    named: str | None = None
    while uri is not None and window.start <= reached:
        link = _judged(source, uri, named)
        yield link
        named, before = None, None
        if link.digest is not None:
            reached, before = link.digest.digest_start_time, link.digest.previous
        if before is None:
            uri = _older(keys, uri)
            if uri is not None and link.digest is not None:
                yield Gap(_ended(uri), reached)
            continue
        if before.bucket != uri.bucket:
            keys = _by_end(source.listed(before.bucket))
        named, uri = (link.digest.previous_digest_signature if link.digest else None), before


def _judged(source: DigestSource, uri: S3Uri, named: str | None) -> Link:
    stored = source.read(uri)
    if stored is None:
        return Link(uri, Verdict.MISSING)
    try:
        digest = read_digest(stored, uri, source.keys)
    except DigestError as error:
        return Link(uri, Verdict.INVALID, str(error))
    if named is not None and named != stored.metadata.get("signature"):
        return Link(uri, Verdict.INVALID, "its signature is not the one that the next digest names")
    return Link(uri, Verdict.VALID, digest=digest)


def _older(keys: list[str], uri: S3Uri) -> S3Uri | None:
    """The newest key that ends before the digest at ``uri``; newer ones are dropped."""
    ended = _ended(uri)
    while keys:
        found = S3Uri(uri.bucket, keys.pop())
        if _ended(found) < ended:
            return found
    return None


def _by_end(keys: Sequence[str]) -> list[str]:
    return sorted((key for key in keys if digest_end(key) is not None), key=lambda key: (digest_end(key), key))


def _ended(uri: S3Uri) -> datetime:
    """The end in the key of a digest; the earliest time of all where the key has none, so that the walk ends."""
    ended = digest_end(uri.key)
    return ended if ended is not None else datetime.min.replace(tzinfo=UTC)
