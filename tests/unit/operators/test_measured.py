"""Tests of what Druid is asked for a task's chunks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from druid_reindex.model.interval import Interval
from druid_reindex.operators.measured import measured_now
from night_world import DAY, SETTINGS, World


def test_a_task_asks_its_own_druid_for_its_pipelines_metrics(world: World) -> None:
    task: Any = SimpleNamespace(settings=SETTINGS, druid=world.druid)
    found = measured_now(task, [Interval.parse(DAY)], "patient_vitals")
    assert found.rows == {DAY: 100}
    assert found.sums == {DAY: {"COUNT(*)": 100, "events": 100}}
