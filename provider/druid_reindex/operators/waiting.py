"""Waiting without a worker slot: look once; when it is not done, hand the wait to a trigger and begin again later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

from druid_reindex.errors import DeadlineError, Transient
from druid_reindex.operators.triggers.waits import LookAgainTrigger

T = TypeVar("T")


@dataclass(frozen=True)
class Wait:
    """What is waited for: its name, the class of its trigger, and that class's own arguments.

    After ``most_seconds`` the task looks again in any case; None is for the deadline alone.
    """

    what: str
    trigger: type[LookAgainTrigger]
    arguments: Mapping[str, Any]
    most_seconds: float | None = None

    def deadline(self, last: datetime) -> datetime:
        """When the trigger gives up; ``last`` at the latest."""
        return (
            last if self.most_seconds is None else min(last, datetime.now(UTC) + timedelta(seconds=self.most_seconds))
        )


@dataclass(frozen=True)
class Waiting:
    """How one try of a task waits: until ``deadline`` at most; ``log`` hears what each look saw.

    ``defer`` gives the task's slot away until a trigger fires. The task then begins anew, and ``resumed`` is the id of
    what it had waited for: it takes up that very thing, dead or alive, where a new try would replace a dead one.
    """

    defer: Callable[[Wait], NoReturn]
    deadline: datetime
    log: Callable[[str], None]
    resumed: str | None = None

    @property
    def left_seconds(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, (self.deadline - datetime.now(UTC)).total_seconds())

    def until(
        self, look: Callable[[], T], done: Callable[[T], bool], wait: Wait, *, tell: Callable[[T], str] = str
    ) -> T:
        """What ``look`` returned, if ``done`` holds of it; else the task defers, and this does not return.

        A Transient error of ``look`` is told, and waited past.
        Raises DeadlineError, naming what is waited for and the last look.
        """
        try:
            found = look()
            if done(found):
                return found
            seen = tell(found)
        except Transient as error:
            seen = str(error)
        self.log(f"{wait.what}: {seen}")
        if not self.left_seconds:
            raise DeadlineError(
                "wait", resource=wait.what, came_back=f"at {self.deadline:%Y-%m-%d %H:%M:%S} UTC: {seen}",
                remedy="look there for what holds it up, then clear this task",
            )  # fmt: skip
        return self.defer(wait)
