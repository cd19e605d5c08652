"""What Druid serves of a batch's chunks, once it has loaded all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from druid_reindex.model.interval import umbrella
from druid_reindex.operators.reindex import by_interval
from druid_reindex.operators.triggers.waits import DruidLoadTrigger
from druid_reindex.operators.waiting import Wait
from druid_reindex.plan.partitions import counted
from druid_reindex.plan.timeline import visible

if TYPE_CHECKING:
    from druid_reindex.model.segment import Segment
    from druid_reindex.operators.night import NightOperator
    from druid_reindex.plan.night import Batch


def visible_of(task: NightOperator, batch: Batch) -> list[Segment]:
    """The visible segments of the batch's chunks."""
    used = task.druid.used_segments(task.settings.pipeline.datasource, batch.intervals)
    found = by_interval(visible(used), batch.intervals).values()
    wanted = {segment.segment_id for segments in found for segment in segments}
    return [segment for segment in used if segment.segment_id in wanted]


def await_load(task: NightOperator, batch: Batch) -> list[Segment]:
    """The visible segments with their rows: no segment is left to load, and a Broker has counted each.

    A tombstone, which stands for no rows, is never counted. Where nothing is in service nothing is waited for, as in
    chunks of which a purge has left no row.
    """
    if not visible_of(task, batch):
        return []
    datasource, whole = task.settings.pipeline.datasource, umbrella(batch.intervals)
    arguments = task.settings.druid_arguments | {"datasource": datasource, "interval": str(whole)}
    wait = Wait(f"load of {datasource} {whole}", DruidLoadTrigger, arguments)
    task.waiting.until(
        lambda: task.druid.load_status(datasource, whole, refresh=True),
        lambda status: status.segments_left == 0,
        wait,
        tell=lambda status: f"{status.segments_left} segments left",
    )
    return task.waiting.until(
        lambda: _with_rows(task, batch),
        lambda found: all(segment.num_rows is not None for segment in found),
        wait,
        tell=lambda found: f"{sum(segment.num_rows is None for segment in found)} segments not counted by a Broker",
    )


def _with_rows(task: NightOperator, batch: Batch) -> list[Segment]:
    """The visible segments, each with what a Broker counts in it; a tombstone has no rows, and is never counted."""
    announced = task.druid.segment_rows(task.settings.pipeline.datasource, batch.intervals)
    return list(counted(replace(each, num_rows=announced.get(each.segment_id)) for each in visible_of(task, batch)))
