"""Finds the records of a log file that mention any of a run's keys, without parsing the others.

All keys are looked for in one pass over the decompressed bytes (Hyperscan: its time hardly grows with their number), in
every way that JSON may write them: a slash may be written ``\\/``, and a record with an escape such as ``\\u0041`` is
always looked at. What is found is then judged on the decoded record, so that the hits are those of a full parse:
nothing that looks like a record inside another one, and no key that only seems to be there, counts.

The price: a file in which anything is found is divided into its records by a JSON parser, as nothing less can tell a
record from what lies inside one.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import hyperscan
import msgspec

from druid_reindex.evidence.trail_event import TrailEvent

_ESCAPES = r"\\u00[2-7]"  # what may stand for a printable ASCII character
_ALL_ESCAPES = r"\\u"
_BETWEEN = "\0"
_HEAD = re.compile(rb'\s*\{\s*"Records"\s*:\s*\[')
_TAIL = re.compile(rb"\s*\]\s*\}\s*\Z")


class NotATrailError(Exception):
    """The decompressed bytes are not a CloudTrail log file."""


class _Log(msgspec.Struct):
    Records: list[msgspec.Raw]


_LOG = msgspec.json.Decoder(_Log)
_EVENT = msgspec.json.Decoder(TrailEvent)


@dataclass(frozen=True)
class Searcher:
    """Looks for ``keys``: request ids, access keys, session names, buckets, key ids, ARNs; none is empty."""

    keys: frozenset[str]

    def hits(self, text: bytes | bytearray) -> list[TrailEvent]:
        """The events of a log file in which any key occurs, in the file's order. Raises NotATrailError.

        A file without any of them is not parsed: its digest vouches for it.
        """
        # Without a backslash nothing is escaped, and plain words are found sooner than patterns.
        positions = _ends(self._written if b"\\" in text else self._meant, text)
        if not positions:
            return []
        try:
            records = _at(_LOG.decode(text).Records, text, positions)
            return [_EVENT.decode(each) for each in records if self._is_mentioned(msgspec.json.decode(each))]
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError) as error:
            raise NotATrailError(str(error)) from error

    def _is_mentioned(self, record: Any) -> bool:
        return bool(_ends(self._meant, _BETWEEN.join(_texts(record)).encode()))

    @cached_property
    def _written(self) -> hyperscan.Database:
        escapes = _ESCAPES if all(key.isascii() for key in self.keys) else _ALL_ESCAPES
        return _compiled([escapes, *(_as_json(key) for key in sorted(self.keys))])

    @cached_property
    def _meant(self) -> hyperscan.Database:
        return _compiled([re.escape(key) for key in sorted(self.keys)])


def _compiled(patterns: list[str]) -> hyperscan.Database:
    database = hyperscan.Database()
    database.compile(
        expressions=[each.encode() for each in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[0] * len(patterns),
    )
    return database


def _ends(database: hyperscan.Database, text: Any) -> list[int]:
    """Where in ``text`` a match ends."""
    found: list[int] = []
    database.scan(text, match_event_handler=lambda _id, _start, end, _flags, _context: found.append(end))
    return found


def _as_json(key: str) -> str:
    """A pattern of what JSON may write for ``key``, escapes of the form ``\\u`` aside."""
    written = json.dumps(key, ensure_ascii=False)[1:-1]
    return re.escape(written).replace("/", r"\\?/")


def _at(records: list[msgspec.Raw], text: bytes | bytearray, positions: list[int]) -> list[msgspec.Raw]:
    """The records in which the positions lie, each once, in order; all of them where the file is of another shape."""
    head = _HEAD.match(text)
    starts, at = [], head.end() if head else 0
    for record in records:
        view = memoryview(record)
        start = text.find(view[:1], at)
        starts.append(start)
        at = start + len(view)
    if head is None or not _TAIL.match(text, at):
        return records
    return [records[i] for i in sorted({bisect_right(starts, end - 1) - 1 for end in positions}) if i >= 0]


def _texts(value: Any) -> Iterator[str]:
    """Every text in a decoded record, names among them."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            pending += each.keys()
            pending += each.values()
        elif isinstance(each, list):
            pending += each
