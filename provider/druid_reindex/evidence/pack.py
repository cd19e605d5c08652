"""A pack: the chained lines, and the statement about them that is signed.

The lines may be large and are read by people; the statement is small, and names each line and each field of it by its
SHA-256, so that whoever verifies can say which one was changed. A supplement is a pack of the same run that names
its predecessor's SHA-256.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.chain import Line, chained, read, split
from druid_reindex.evidence.dsse import Envelope, pre_authentication, statement
from druid_reindex.evidence.parts import Kind, Part, Record, State, complete
from druid_reindex.model.identity import digest

LINES, ENVELOPE, KEY = ".jsonl", ".dsse.json", ".pem"
PROTOCOL = 1
_RECORD = {each.name for each in fields(Record)}
_STEM = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Title:
    """Which pack it is: the ``sequence``-th of its run, made at ``made_at`` (UTC, ISO 8601)."""

    run: str
    datasource: str
    sequence: int
    made_at: str
    protocol: int = PROTOCOL

    @property
    def stem(self) -> str:
        """What the names of the pack's files begin with."""
        return stem_of(self.sequence)

    @property
    def name(self) -> str:
        """The name of the lines' file, below the folder of all packs."""
        return f"{self.datasource}/{self.run}/{self.stem}{LINES}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A pack that is still to be signed: sign ``signed`` (its SHA-256) and ``seal`` it."""

    title: Title
    lines: bytes
    statement: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that are to be signed."""
        return pre_authentication(self.statement)

    def seal(self, signature: bytes, key_id: str) -> Pack:
        """The pack, signed by the key of that fingerprint."""
        return Pack(self.title, self.lines, Envelope(self.statement, key_id, signature).to_json())


@dataclass(frozen=True, slots=True)
class Pack:
    """A signed pack's two files."""

    title: Title
    lines: bytes
    envelope: bytes

    @property
    def sha256(self) -> str:
        """What a supplement names as its predecessor's digest."""
        return digest(self.lines)


def draft(parts: Iterable[Part]) -> Draft:
    """The pack of ``parts``. Raises ProtocolError when a kind is missing, or they cannot be a pack."""
    return redraft(chained(complete(parts)))


def redraft(lines: bytes) -> Draft:
    """The pack of lines that were written before, and perhaps never signed: the same lines, the same statement.

    Raises ProtocolError when they are no lines of a pack.
    """
    found = [read(each) for each in split(lines)]
    named = [each for each in found if each is not None]
    if not named or len(named) != len(found) or [each.kind for each in named] != list(Kind):
        raise _no_pack("lines that are not those of a pack")
    bodies = [json.loads(each)["body"] for each in split(lines)]
    title, predecessor = _title(named[0], bodies[0])
    subjects = [(title.name, digest(lines)), *sorted(set(_records(bodies)))]
    return Draft(title, lines, statement(subjects, _predicate(title, named, predecessor)))


def _title(line: Line, run: Mapping[str, Any]) -> tuple[Title, str | None]:
    """Which pack it is, and the SHA-256 of the one before it."""
    if line.state != State.TOLD:
        raise _no_pack("a first line that does not tell the run")
    title = Title(run["run"], run["datasource"], run["sequence"], run["made_at"])
    predecessor: str | None = run["predecessor_sha256"]
    if (predecessor is None) != (title.sequence == 0):
        raise _no_pack("a first pack with a predecessor, or a supplement without one")
    return title, predecessor


def _records(value: Any) -> Iterator[tuple[str, str]]:
    """Each of the run's own files that a body names, by address and SHA-256; not what such a file says."""
    if isinstance(value, list):
        for each in value:
            yield from _records(each)
    elif isinstance(value, dict) and value.keys() == _RECORD:
        yield value["uri"], value["sha256"]
    elif isinstance(value, dict):
        yield from _records(list(value.values()))


def _predicate(title: Title, lines: Sequence[Line], predecessor: str | None) -> dict[str, Any]:
    untold = {
        state.value: [line.kind for line in lines if line.state == state]
        for state in (State.PENDING, State.UNREAD, State.ABSENT)
    }
    before = {"name": f"{title.datasource}/{title.run}/{stem_of(title.sequence - 1)}{LINES}", "sha256": predecessor}
    return {
        "pack": asdict(title),
        "lines": [asdict(each) for each in lines],
        "predecessor": before if predecessor is not None else None,
        **untold,
    }


def _no_pack(came_back: str) -> ProtocolError:
    return ProtocolError(
        "make a pack", resource="its lines", came_back=came_back, remedy="report this as a defect, with the lines"
    )


def stem_of(sequence: int) -> str:
    """What the names of the files of a run's pack of that number begin with."""
    return f"{sequence:04d}"


def sequence_of(name: str) -> int | None:
    """The number of the pack that a file of that name belongs to; None for any other file."""
    stem, _, rest = name.partition(".")
    return int(stem) if _STEM.fullmatch(stem) and f".{rest}" in {LINES, ENVELOPE, KEY} else None
