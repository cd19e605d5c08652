"""Which keys' rows are kept out of what nights unload, once a purge has left them out of what they built.

A source that has the rows still would bring them back with the next night. So the step that makes tokens reads the same
files of keys as the purge's steps, each pinned by its ETag, and drops these rows: one that was deleted or written again
ends the night before a row is read. What was unloaded has the rows until the bucket's lifecycle ends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from druid_reindex.model import record
from druid_reindex.plan.purge import KeyFile

Withheld = tuple[KeyFile, ...]


def withholding(known: Withheld | None, keys: KeyFile) -> Withheld | None:
    """What is withheld from now on; None where ``keys`` are already.

    A file that was written again takes its own place: what it said before cannot be read any more.
    """
    if known is not None and keys in known:
        return None
    others = (each for each in known or () if (each.uri, each.column) != (keys.uri, keys.column))
    return tuple(sorted((*others, keys), key=_order))


def lifted(known: Withheld | None, keys: Iterable[KeyFile]) -> Withheld | None:
    """What is withheld without ``keys``; None where none of them is."""
    gone = set(keys)
    return tuple(each for each in known if each not in gone) if known and gone & set(known) else None


def to_json(withheld: Withheld) -> bytes:
    """``withheld`` as canonical JSON."""
    return record.to_json({"keys": [each.to_json() for each in withheld]})


def from_json(body: bytes) -> Withheld:
    """What ``body`` says is withheld. Raises ProtocolError when this release cannot read it."""
    return record.from_json(body, "list of withheld keys", _withheld)


def _withheld(document: dict[str, Any]) -> Withheld:
    return tuple(KeyFile(each["uri"], each["etag"], each["column"]) for each in document["keys"])


def _order(keys: KeyFile) -> tuple[str, str]:
    return keys.uri, keys.column
