"""Tests of taking a night's batches back together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from druid_reindex.clients.night_rollback import NightRollback
from druid_reindex.errors import IntegrityError
from druid_reindex.model.interval import Interval
from druid_reindex.plan.night import Batch, Chunk, Reason


@dataclass
class Part:
    """A batch that left something, or nothing; it is served again after some looks, or fails where it is told to."""

    number: int
    events: list[str]
    left: bool = True
    looks: int = 1
    fails_at: str = ""
    refused: list[str] = field(default_factory=list)

    @property
    def batch(self) -> Batch:
        day = Interval.parse(f"2026-09-0{self.number + 1}/2026-09-0{self.number + 2}")
        return Batch(self.number, (Chunk(day, (), (Reason.FORCED,), 1),), 1)

    def begin(self) -> dict[str, Any] | None:
        self._step("begin")
        return {"batch": self.number, "refused": self.refused} if self.left else None

    def pending(self, _record: dict[str, Any]) -> str:
        self._step("mark")
        self.looks -= 1
        return "2 segments left to load" if self.looks >= 0 else ""

    def finish(self, record: dict[str, Any]) -> dict[str, Any]:
        self._step("finish")
        return record | {"state": "done"}

    def _step(self, name: str) -> None:
        if self.fails_at == name:
            raise IntegrityError("take a batch back", resource=f"batch {self.number}", came_back=name, remedy="look")
        self.events.append(f"{name} {self.number}")


def begin(*parts: Part) -> NightRollback:
    return NightRollback.begin(parts)  # type: ignore[arg-type]


def test_all_are_marked_before_any_is_waited_for_and_only_those_that_left_something() -> None:
    events: list[str] = []
    night = begin(Part(0, events, looks=2), Part(1, events, left=False), Part(2, events))
    assert str(night.whole) == "2026-09-01T00:00:00.000Z/2026-09-04T00:00:00.000Z"
    assert night.pending() == "batch 0: 2 segments left to load, and 1 batches more"
    assert events == ["begin 0", "begin 1", "begin 2", "mark 0", "mark 2"]
    assert night.pending() == "batch 0: 2 segments left to load"
    assert night.pending() == ""
    assert [record["batch"] for record in night.finish()] == [0, 2]
    night.refuse("vitals")


@pytest.mark.parametrize("at", ["begin", "finish"])
def test_one_that_cannot_be_taken_back_keeps_none_of_the_others_and_is_told_in_the_end(at: str) -> None:
    events: list[str] = []
    night = begin(Part(0, events, fails_at=at, looks=0), Part(1, events, looks=0))
    assert night.pending() == ""
    assert [record["batch"] for record in night.finish()] == [1]
    with pytest.raises(IntegrityError, match=f"batch 0: {at}"):
        night.refuse("vitals")


def test_chunks_of_somebody_else_are_named() -> None:
    night = begin(Part(0, [], looks=0, refused=["DAY serves another"]), Part(1, [], looks=0))
    assert len(night.finish()) == 2
    with pytest.raises(IntegrityError, match=r"vitals, 1 chunks: .*DAY serves another"):
        night.refuse("vitals")


def test_nothing_begun_has_nothing_pending() -> None:
    night = begin(Part(0, [], left=False))
    assert (night.begun, night.pending(), night.finish()) == ([], "", [])
