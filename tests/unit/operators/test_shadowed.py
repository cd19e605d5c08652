"""A shadow beside what is served."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Mode
from druid_reindex.model.shadow import written_by
from druid_reindex.operators.shadowed import compared
from night_world import DAY, SETTINGS, World, measured

SHADOW = written_by(SETTINGS.pipeline.model_copy(update={"mode": Mode.SHADOW}))


def look(world: World, *, shadow_rows: int, intervals: tuple[str, ...] = (DAY,)) -> Any:
    world.druid.answers = measured(lambda sql: shadow_rows if "__shadow" in sql else 100, world.druid)
    task: Any = SimpleNamespace(settings=replace(SETTINGS, pipeline=SHADOW), druid=world.druid)
    return compared(task, [Interval.parse(each) for each in intervals])


@pytest.mark.parametrize(("rows", "equal", "differences"), [(100, 1, {}), (99, 0, {DAY: ["events", "rows"]})])
def test_chunks_are_told_by_what_differs(world: World, rows: int, equal: int, differences: dict[str, object]) -> None:
    assert look(world, shadow_rows=rows) == {
        "compared_with": "patient_vitals",
        "equal": equal,
        "unequal": 1 - equal,
        "differences": differences,
    }


def test_nothing_is_compared_without_a_chunk_or_a_shadow(world: World) -> None:
    assert look(world, shadow_rows=1, intervals=()) is None
    task: Any = SimpleNamespace(settings=SETTINGS, druid=None)
    assert compared(task, [Interval.parse(DAY)]) is None
