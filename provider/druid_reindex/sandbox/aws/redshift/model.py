"""The nouns of the Data API: what was asked, its statements, and where each of them stands.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_DescribeStatement.html
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

UNKNOWN = -1


class State(StrEnum):
    """Where a statement stands."""

    SUBMITTED = "SUBMITTED"
    PICKED = "PICKED"
    STARTED = "STARTED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


ENDED = frozenset({State.FINISHED, State.FAILED, State.ABORTED})


def now() -> datetime:
    """Return the moment, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Target:
    """A database of a cluster or of a workgroup; `roles` are those that are associated, the default one first."""

    name: str
    database: str
    region: str
    roles: tuple[str, ...] = ()
    is_workgroup: bool = False


@dataclass(frozen=True)
class Asked:
    """What ExecuteStatement or BatchExecuteStatement was asked, and by whom: `owner` is the role's or user's ARN."""

    target: Target
    user: str
    owner: str
    session: str
    sqls: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    name: str = ""
    token: str = ""
    secret_arn: str = ""
    is_batch: bool = False
    csv: bool = False


@dataclass
class Piece:
    """One SQL text: the whole of a statement, or one of a batch's."""

    id: str
    sql: str
    state: State = State.SUBMITTED
    error: str = ""
    rows: int = UNKNOWN
    size: int = UNKNOWN
    query: int = UNKNOWN
    has_result: bool = False
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    duration_ns: int = 0

    def move(self, state: State, error: str = "") -> None:
        """Set its state now."""
        self.state, self.error, self.updated = state, error, now()


@dataclass
class Statement:
    """What was submitted under one id; whoever reads or changes it holds `changed`."""

    asked: Asked
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: State = State.SUBMITTED
    error: str = ""
    pid: int = UNKNOWN
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    changed: threading.Condition = field(default_factory=threading.Condition, repr=False)
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)
    pieces: list[Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.asked.is_batch:
            self.pieces = [Piece(f"{self.id}:{number}", sql) for number, sql in enumerate(self.asked.sqls, 1)]
        else:
            self.pieces = [Piece(self.id, self.asked.sqls[0])]

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDED

    def move(self, state: State, error: str = "") -> None:
        """Set its state now, and wake whoever waits for a change."""
        with self.changed:
            self.state, self.error, self.updated = state, error, now()
            self.changed.notify_all()

    def wait_ended(self, seconds: float) -> None:
        """Return when it has ended, or after so many seconds."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended, seconds)
