"""One log file of a trail: is it what CloudTrail wrote, and which of its events mention a run's keys?

One decompression serves both.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from druid_reindex.evidence.inflated import NotGzipError, inflate
from druid_reindex.evidence.trail_chain import Verdict
from druid_reindex.evidence.trail_digest import LogEntry
from druid_reindex.evidence.trail_event import TrailEvent
from druid_reindex.evidence.trail_search import NotATrailError, Searcher
from druid_reindex.model.uri import S3Uri


@dataclass(frozen=True, slots=True)
class LogCheck:
    """What became of one log file; a file that is not valid gives no events. ``size_bytes`` is decompressed."""

    uri: S3Uri
    verdict: Verdict
    why: str = ""
    size_bytes: int = 0
    events: tuple[TrailEvent, ...] = ()

    def __str__(self) -> str:
        return f"log {self.uri}: {self.verdict}{': ' + self.why if self.why else ''}"


def check_log(entry: LogEntry, body: bytes | None, searcher: Searcher | None = None) -> LogCheck:
    """Whether ``body`` is the file that a digest names, and its events in which ``searcher`` finds any of its keys.

    A file whose hash holds and which is no CloudTrail log is invalid as well, where it had to be parsed.
    """
    if body is None:
        return LogCheck(entry.uri, Verdict.MISSING)
    if entry.hash_algorithm != "SHA-256":
        return LogCheck(entry.uri, Verdict.INVALID, f"hashed by {entry.hash_algorithm}, which is not known here")
    try:
        text = inflate(body)
    except NotGzipError as error:
        return LogCheck(entry.uri, Verdict.INVALID, f"invalid format: {error}")
    if hashlib.sha256(text).hexdigest() != entry.hash_value.lower():
        return LogCheck(entry.uri, Verdict.INVALID, "hash value doesn't match")
    try:
        events = searcher.hits(text) if searcher is not None else []
    except NotATrailError as error:
        return LogCheck(entry.uri, Verdict.INVALID, f"no CloudTrail log: {error}")
    return LogCheck(entry.uri, Verdict.VALID, size_bytes=len(text), events=tuple(events))
