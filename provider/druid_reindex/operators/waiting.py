"""Waiting: look, tell what changed, look again, until it is done or too late."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from druid_reindex.errors import DeadlineError, Transient

T = TypeVar("T")
_TELL_SECONDS = 60.0


@dataclass(frozen=True)
class Waiting:
    """How to wait: ``poll_seconds`` between looks, ``deadline_seconds`` at most; ``log`` hears of changes."""

    poll_seconds: float
    deadline_seconds: float
    log: Callable[[str], None]
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def until(
        self, look: Callable[[], T], done: Callable[[T], bool], *, what: str, tell: Callable[[T], str] = str
    ) -> T:
        """What ``look`` returned once ``done`` holds of it.

        A Transient error of ``look`` is told and looked past. Raises DeadlineError, naming ``what`` and the last look.
        """
        started = self.clock()
        told, told_at = "", started
        while True:
            seen = ""
            try:
                found = look()
                if done(found):
                    return found
                seen = tell(found)
            except Transient as error:
                seen = str(error)
            now = self.clock()
            if seen != told or now - told_at >= _TELL_SECONDS:
                self.log(f"{what}: {seen} ({now - started:.0f} s)")
                told, told_at = seen, now
            if now - started >= self.deadline_seconds:
                raise DeadlineError(
                    "wait", resource=what, came_back=f"after {now - started:.0f} s: {seen}",
                    remedy="look there for what holds it up, then clear this task",
                )  # fmt: skip
            self.sleep(self.poll_seconds)
