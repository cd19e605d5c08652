"""The journal's lines: one call, one line of canonical JSON that says its protocol and its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import msgspec

from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.record import PROTOCOL, from_json

JournalledCall = AwsCall | DruidCall
_KINDS: dict[str, type[AwsCall | DruidCall]] = {"aws": AwsCall, "druid": DruidCall}
_NAMES = {made: (kind, tuple(each.name for each in fields(made))) for kind, made in _KINDS.items()}
FOLDER = "journal"
SUFFIX = ".jsonl"
# As fast as it is canonical: keys sorted, no spaces, UTF-8, as ``model.record`` writes.
_ENCODER = msgspec.json.Encoder(order="sorted")


def to_line(call: JournalledCall) -> bytes:
    """``call`` as one line, its end included; equal calls give equal bytes."""
    kind, names = _NAMES[type(call)]
    told: dict[str, Any] = {name: getattr(call, name) for name in names}
    told["protocol"], told["kind"] = PROTOCOL, kind
    return _ENCODER.encode(told) + b"\n"


def from_line(line: bytes) -> JournalledCall:
    """The call of that line. Raises ProtocolError for one that this release cannot read."""
    return from_json(line, "line of a journal", _parsed)


def whole_lines(journal: bytes) -> Iterator[bytes]:
    """The lines of a journal's file; what follows the last line's end was cut off as it was written, and is no line."""
    yield from journal.split(b"\n")[:-1]


def _parsed(document: dict[str, Any]) -> JournalledCall:
    kind = _KINDS[document["kind"]]
    told = {each.name: document[each.name] for each in fields(kind) if each.name in document}
    try:
        return msgspec.convert(told, kind, strict=True)
    except msgspec.ValidationError as odd:
        raise ValueError(str(odd)) from odd
