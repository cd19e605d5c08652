"""Tests of the rounds in which one question is asked for all who wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.errors import RefusedError, ThrottledError
from druid_reindex.operators.triggers import polls
from druid_reindex.operators.triggers.polls import Question, Seen, pause_seconds, shared

POLL_SECONDS = 0.01


class Service:
    """Counts connections and questions; its nth answer is the nth of ``answers``, then the last one again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.opened = self.closed = 0
        self.asked: list[frozenset[str]] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Service]:
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    async def ask(self, _connected: Any, items: frozenset[str]) -> Mapping[str, Any]:
        self.asked.append(items)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return dict.fromkeys(items, answer)

    def question(self) -> Question:
        return Question("service", self.open, self.ask)


async def first(service: Service, item: str, looks: int = 1) -> list[Seen]:
    async with shared(service.question(), POLL_SECONDS) as poll, aclosing(poll.watch(item)) as answers:
        return [await anext(answers) for _ in range(looks)]


def test_a_thousand_who_wait_ask_once_a_round() -> None:
    service = Service("running")

    async def wait() -> list[list[Seen]]:
        return await asyncio.gather(*(first(service, f"item {n}", looks=3) for n in range(1_000)))

    answers = asyncio.run(wait())
    assert len(service.asked) == 3
    assert all(each[-1][f"item {n}"] == "running" for n, each in enumerate(answers))  # type: ignore[index]
    assert (service.opened, service.closed) == (1, 1)


def test_who_leaves_is_not_asked_for_any_more() -> None:
    service = Service("running")

    async def wait() -> None:
        await asyncio.gather(first(service, "short"), first(service, "long", looks=3))

    asyncio.run(wait())
    assert service.asked == [frozenset({"short", "long"}), frozenset({"long"}), frozenset({"long"})]


def test_a_cancelled_waiter_takes_nothing_from_the_others() -> None:
    service = Service("running")

    async def wait() -> list[Seen]:
        other = asyncio.create_task(first(service, "other", looks=4))
        gone = asyncio.create_task(first(service, "gone", looks=1_000))
        await first(service, "third")
        gone.cancel()
        return await other

    assert len(asyncio.run(wait())) == 4
    assert service.closed == 1


def test_an_error_is_told_to_all_and_the_next_round_comes() -> None:
    slow = ThrottledError("list steps", resource="j-1", came_back="ThrottlingException", remedy="wait")
    service = Service(slow, "done")
    seen = asyncio.run(first(service, "x", looks=2))
    assert seen == [slow, {"x": "done"}]
    assert service.opened == 2


def test_a_terminal_error_is_told_too() -> None:
    no = RefusedError("list steps", resource="j-1", came_back="no", remedy="ask otherwise")
    assert asyncio.run(first(Service(no), "x")) == [no]


def test_what_no_answer_stands_for_is_raised_with_all_who_wait() -> None:
    """Nobody waits for ever because a question was asked wrongly."""
    service = Service(KeyError("a defect"))

    async def wait() -> list[Any]:
        return await asyncio.gather(first(service, "a"), first(service, "b"), return_exceptions=True)

    assert [type(each) for each in asyncio.run(asyncio.wait_for(wait(), 10))] == [KeyError, KeyError]


def test_connections_are_made_anew_before_credentials_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "REOPEN_SECONDS", 0.05)
    service = Service("running")
    asyncio.run(first(service, "x", looks=40))
    assert service.opened >= 2
    assert service.closed == service.opened


def test_what_nobody_waits_for_is_forgotten() -> None:
    service = Service("done")
    asyncio.run(first(service, "x"))
    assert polls._POLLS == {}


def test_pauses_have_jitter_double_with_failures_and_end_somewhere() -> None:
    assert len({pause_seconds(10, 99, 0) for _ in range(20)}) > 10
    assert all(8 <= pause_seconds(10, 99, 0) <= 12 for _ in range(200))
    assert all(32 <= pause_seconds(10, 99, 2) <= 48 for _ in range(200))
    assert pause_seconds(10, 99, 50) == polls.MOST_PAUSE_SECONDS


def test_what_ends_soon_is_seen_soon_and_the_interval_is_whole_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls.random, "uniform", lambda *_: 1.0)
    pauses = [pause_seconds(10, looks, 0) for looks in range(20)]
    assert pauses[0] == 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 10
    assert 30 < sum(pause for pause in pauses if pause < 10) < 60
    assert all(pause <= 2 + sum(pauses[:look]) / 4 for look, pause in enumerate(pauses))


def test_rounds_begin_quickly_and_a_failed_look_does_not_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def pause(_seconds: float, looks: int, failures: int) -> float:
        asked.append((looks, failures))
        return 0.0

    monkeypatch.setattr(polls, "pause_seconds", pause)
    slow = ThrottledError("list steps", resource="j-1", came_back="ThrottlingException", remedy="wait")
    asyncio.run(first(Service("running", slow, "running"), "x", looks=4))
    assert asked[:4] == [(0, 0), (1, 0), (1, 1), (2, 0)]


def test_what_goes_on_is_asked_for_at_its_interval_from_the_first_look() -> None:
    goes_on = replace(Service("held").question(), may_end_soon=False)

    async def seen() -> Seen:
        async with shared(goes_on, 0.2) as poll, aclosing(poll.watch("x")) as answers:
            return await anext(answers)

    began = time.monotonic()
    assert asyncio.run(seen()) == {"x": "held"}
    assert time.monotonic() - began >= 0.16
