"""The parts of a supplement: our own calls, how CloudTrail confirms them, what other records saw, what nobody explains.

Ids, times, names and counts alone. A count that nobody has measured is None: it is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

from druid_reindex.evidence.parts import Kind, Listed, Part, Record, State


class Unexplained(StrEnum):
    """What CloudTrail and the journal disagree in.

    ``MISSING``: a call of ours that a complete trail does not have. ``TRAIL_GAP``: the trail itself lacks a part.
    ``FOREIGN``: an event that nobody claims. ``BEYOND``: an actor that is declared did more than is declared.
    ``AGENT``: an event that shows the run's token alone, which any client can write.
    ``AMBIGUOUS``: two runs match one event. ``NOT_LOGGED``: a call of ours that the trail's selectors leave out.
    """

    MISSING = "missing"
    TRAIL_GAP = "trail-gap"
    FOREIGN = "foreign"
    BEYOND = "beyond its declaration"
    AGENT = "S3"
    AMBIGUOUS = "ambiguous"
    NOT_LOGGED = "not-logged"


@dataclass(frozen=True, slots=True)
class Calls:
    """Our calls of one operation by one task; times are UTC, ISO 8601."""

    task: str
    event_source: str
    operation: str
    count: int
    failed: int
    first_at: str
    last_at: str


@dataclass(frozen=True, slots=True)
class Journal:
    """What we did, as we wrote it down before each answer was used, and the ``files`` that it was read from.

    A worker that died delivers its file late: what lies there besides ``files`` has not been told yet.
    """

    KIND: ClassVar[Kind] = Kind.JOURNAL

    calls: Sequence[Calls]
    files: Sequence[Listed] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Events that are explained: ``how`` is the class (E1, E2, S1, S2, S3 or declared); ``who`` the task or actor."""

    how: str
    who: str
    event_source: str
    operation: str
    count: int
    first_at: str
    last_at: str


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many: ``what`` was counted."""

    what: str
    found: int
    of: int


@dataclass(frozen=True, slots=True)
class Matches:
    """What CloudTrail confirms, and how much of it there was to confirm; ``stored`` has each call and each event."""

    KIND: ClassVar[Kind] = Kind.MATCHES

    matches: Sequence[Match]
    coverage: Sequence[Share]
    stored: Record | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """Something that nobody explains: one principal, one operation, one object or key.

    ``rows`` are those that the object holds of the time chunk ``interval``, ``patients`` the distinct ones of the whole
    chunk; ``counted`` says how they were counted, or why one of the three is not known. ``is_confirmed`` is False where
    no sample of AWS shows an event of this shape.
    """

    verdict: str
    principal: str
    event_source: str
    operation: str
    resource: str
    count: int
    first_seen: str
    last_seen: str
    discovered_at: str
    interval: str | None = None
    rows: int | None = None
    patients: int | None = None
    is_confirmed: bool = True
    counted: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What of the trail and the journal does not agree."""

    KIND: ClassVar[Kind] = Kind.FINDINGS

    findings: Sequence[Touched]


@dataclass(frozen=True, slots=True)
class Source:
    """One record beside CloudTrail, and what could be read of it for this night.

    ``state`` is "read", "not read", "not found" or "not kept", and ``why`` says why it is not "read". ``other_lines``
    tell of nothing that belongs here; ``unread_files`` and ``unread_lines`` are in a form that is not known, or broken.
    """

    witness: str
    state: str
    why: str
    files: int = 0
    unread_files: int = 0
    lines: int = 0
    other_lines: int = 0
    unread_lines: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """Equal acts in such a record: by ``who``, whose standing it is, what was done and where; times are UTC, ISO 8601.

    ``days`` are the first and the last day of the data that queries were about, "first/last"; None where not told.
    """

    witness: str
    who: str
    standing: str
    did: str
    where: str
    count: int
    refused: int
    first_at: str
    last_at: str
    days: str | None = None


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What the records of HDFS, the KDC, Druid and Redshift tell of the night; identities, places, counts and times."""

    KIND: ClassVar[Kind] = Kind.WITNESSES

    sources: Sequence[Source]
    seen: Sequence[Seen]


TrailBody: TypeAlias = Journal | Matches | Findings | Witnesses


def told_by_trail(body: TrailBody) -> Part:
    """The part that ``body`` is."""
    return Part(body.KIND, State.TOLD, asdict(body))
