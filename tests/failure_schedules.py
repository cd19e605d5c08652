"""Seeded schedules of two to four failures, and what meets them: calls that fail before or after they take effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from druid_reindex.errors import NoAnswerError, RefusedError, UnavailableError

FEWEST, MOST = 2, 4


class Failure(StrEnum):
    """What becomes of a call, and of whoever made it; ``LOST`` and ``KILLED_AFTER`` let it take effect."""

    FAILED = "failed"
    REFUSED = "refused"
    LOST = "lost"
    KILLED_BEFORE = "killed before it"
    KILLED_AFTER = "killed after it"

    @property
    def takes_effect(self) -> bool:
        """Whether the service has done what was asked."""
        return self in {Failure.LOST, Failure.KILLED_AFTER}


class Killed(BaseException):
    """Whoever made the call is dead: nothing of it is carried out any more."""


ERRORS: Mapping[Failure, BaseException] = {
    Failure.FAILED: UnavailableError("ask", resource="it", came_back="HTTP 500", remedy="ask again"),
    Failure.REFUSED: RefusedError("ask", resource="it", came_back="no", remedy="find out why"),
    Failure.LOST: NoAnswerError("ask", resource="it", came_back="nothing", remedy="ask again"),
    Failure.KILLED_BEFORE: Killed(),
    Failure.KILLED_AFTER: Killed(),
}


def failures(random: Random, calls: range) -> dict[int, Failure]:
    """Two to four failures, each at another one of ``calls``, by the call's number from 1."""
    chosen = random.sample(calls, random.randint(FEWEST, MOST))
    return {number: random.choice(list(Failure)) for number in chosen}


@dataclass
class Schedule:
    """``left`` are failures that nobody has met yet, by the number of the call; ``watch`` is called after each call.

    ``met`` are the others: in which part of the work, at which call, and what became of it.
    """

    left: dict[int, Failure]
    watch: Callable[[], None] = lambda: None
    part: str = ""
    calls: int = 0
    met: list[tuple[str, str, Failure]] = field(default_factory=list)

    def call(self, name: str, made: Callable[[], Any]) -> Any:
        """What the call answers, unless it meets its failure."""
        self.calls += 1
        failure = self.left.pop(self.calls, None)
        answer = made() if failure is None or failure.takes_effect else None
        self.watch()
        if failure is not None:
            self.met.append((self.part, name, failure))
            raise ERRORS[failure]
        return answer


@dataclass
class Scheduled:
    """A port whose calls meet the schedule, but for those of the names ``apart``."""

    schedule: Schedule
    port: Any
    apart: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.port, name)
        if not callable(real) or name in self.apart:
            return real
        return lambda *args, **kwargs: self.schedule.call(name, lambda: real(*args, **kwargs))

    def __enter__(self) -> Scheduled:
        self.port.__enter__()
        return self

    def __exit__(self, *of: object) -> None:
        self.port.__exit__(*of)
