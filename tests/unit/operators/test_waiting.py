"""Tests of waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest

from druid_reindex.errors import DeadlineError, RefusedError, UnavailableError
from druid_reindex.operators.triggers.waits import DruidTaskTrigger
from druid_reindex.operators.waiting import Wait, Waiting

WAIT = Wait("task x", DruidTaskTrigger, {"task": "x"})


class Deferred(Exception):
    """The slot was given away."""


def give_away(wait: Wait) -> NoReturn:
    raise Deferred(wait.what)


def waiting(told: list[str], *, left_seconds: float = 100.0) -> Waiting:
    return Waiting(give_away, datetime.now(UTC) + timedelta(seconds=left_seconds), told.append)


def looks(*seen: Any) -> Callable[[], Any]:
    left: Iterator[Any] = iter(seen)

    def look() -> Any:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    return look


def test_what_is_done_is_returned_at_once() -> None:
    told: list[str] = []
    assert waiting(told).until(looks("done"), lambda x: x == "done", WAIT) == "done"
    assert told == []


def test_what_is_not_done_gives_the_slot_away_and_is_told() -> None:
    told: list[str] = []
    with pytest.raises(Deferred, match="task x"):
        waiting(told).until(looks("running"), lambda x: x == "done", WAIT)
    assert told == ["task x: running"]


def test_a_transient_error_is_waited_past_and_a_terminal_one_is_not() -> None:
    shaky = UnavailableError("look", resource="it", came_back="500", remedy="wait")
    final = RefusedError("look", resource="it", came_back="400", remedy="ask otherwise")
    told: list[str] = []
    with pytest.raises(Deferred):
        waiting(told).until(looks(shaky), lambda x: x == "done", WAIT)
    assert "500" in told[0]
    with pytest.raises(RefusedError):
        waiting(told).until(looks(final), lambda _: True, WAIT)


def test_the_deadline_names_what_and_the_last_look() -> None:
    with pytest.raises(DeadlineError, match=r"task x.*3 left"):
        waiting([], left_seconds=-1).until(lambda: "3 left", lambda _: False, WAIT)


def test_a_wait_may_end_before_the_tries_deadline_and_never_after_it() -> None:
    now = datetime.now(UTC)
    soon, late = now + timedelta(seconds=10), now + timedelta(hours=9)
    assert WAIT.deadline(late) == late
    brief = replace(WAIT, most_seconds=60.0)
    assert brief.deadline(soon) == soon
    assert now + timedelta(seconds=60) <= brief.deadline(late) < late
