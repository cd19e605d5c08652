"""A pack: the chained lines, and the statement about them that is signed.

The lines may be large and are read by people; the statement is small, and names each line and each field of it by its
SHA-256, so that whoever verifies can say which one was changed. A supplement is a pack of the same run that names
its predecessor's SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.chain import chained, read, split
from druid_reindex.evidence.dsse import Envelope, pre_authentication, statement
from druid_reindex.evidence.parts import Part, State, complete
from druid_reindex.model.identity import digest

LINES, ENVELOPE, KEY = ".jsonl", ".dsse.json", ".pem"
PROTOCOL = 1
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


def draft(title: Title, parts: Iterable[Part], objects: Mapping[str, str], predecessor: str | None = None) -> Draft:
    """The pack of ``parts``; ``objects`` are the run's own files by name, each with its SHA-256.

    ``predecessor`` is the SHA-256 of the lines of the pack before it. Raises ProtocolError when a kind is missing, or
    when a first pack names a predecessor or a supplement does not.
    """
    if (predecessor is None) != (title.sequence == 0):
        raise ProtocolError(
            "make a pack",
            resource=title.name,
            came_back="a first pack with a predecessor, or a supplement without one",
            remedy="report this as a defect",
        )
    told = complete(parts)
    lines = chained(told)
    subjects = [(title.name, digest(lines)), *sorted(objects.items())]
    return Draft(title, lines, statement(subjects, _predicate(title, told, lines, predecessor)))


def _predicate(title: Title, parts: Iterable[Part], lines: bytes, predecessor: str | None) -> dict[str, Any]:
    untold: dict[str, list[str]] = {
        state.value: [part.kind.value for part in parts if part.state is state]
        for state in (State.PENDING, State.UNREAD, State.ABSENT)
    }
    read_lines = [read(each) for each in split(lines)]
    before = {"name": f"{title.datasource}/{title.run}/{stem_of(title.sequence - 1)}{LINES}", "sha256": predecessor}
    return {
        "pack": asdict(title),
        "lines": [asdict(each) for each in read_lines if each is not None],
        "predecessor": before if predecessor is not None else None,
        **untold,
    }


def stem_of(sequence: int) -> str:
    """What the names of the files of a run's pack of that number begin with."""
    return f"{sequence:04d}"


def sequence_of(name: str) -> int | None:
    """The number of the pack that a file of that name belongs to; None for any other file."""
    stem, _, rest = name.partition(".")
    return int(stem) if _STEM.fullmatch(stem) and f".{rest}" in {LINES, ENVELOPE, KEY} else None
