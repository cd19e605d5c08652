"""Tests of waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from druid_reindex.errors import DeadlineError, RefusedError, UnavailableError
from druid_reindex.operators.waiting import Waiting


def waiting(told: list[str], *, deadline_seconds: float = 100.0) -> Waiting:
    now: Iterator[int] = iter(range(0, 10_000, 10))
    return Waiting(1.0, deadline_seconds, told.append, clock=lambda: float(next(now)), sleep=lambda _seconds: None)


def looks(*seen: Any) -> Callable[[], Any]:
    left = iter(seen)

    def look() -> Any:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    return look


def test_it_returns_what_was_seen_when_it_was_done_and_tells_changes_once() -> None:
    told: list[str] = []
    assert waiting(told).until(looks("a", "a", "b", "done"), lambda x: x == "done", what="it") == "done"
    assert [line.split(" (")[0] for line in told] == ["it: a", "it: b"]


def test_a_transient_error_is_looked_past_and_a_terminal_one_is_not() -> None:
    shaky = UnavailableError("look", resource="it", came_back="500", remedy="wait")
    final = RefusedError("look", resource="it", came_back="400", remedy="ask otherwise")
    told: list[str] = []
    assert waiting(told).until(looks(shaky, "done"), lambda x: x == "done", what="it") == "done"
    assert "500" in told[0]
    with pytest.raises(RefusedError):
        waiting(told).until(looks(final), lambda _: True, what="it")


def test_the_deadline_names_what_and_the_last_look() -> None:
    with pytest.raises(DeadlineError, match=r"load of x.*3 left"):
        waiting([], deadline_seconds=30).until(lambda: "3 left", lambda _: False, what="load of x")
