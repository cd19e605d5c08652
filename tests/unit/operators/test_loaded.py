"""What Druid serves of a batch, once it has loaded it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.loaded import await_load, visible_of
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.waiting import Waiting
from druid_reindex.plan.partitions import TOMBSTONE
from night_world import NEW_VERSION, World, make


def test_segments_are_told_with_their_rows_once_they_are_announced(world: World) -> None:
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    task = make(ReindexSegmentsOperator, "reindex", batch=0)
    world.run(task)
    (batch,) = task.stored_plan(world.context()).batches
    task.waiting = Waiting(lambda _: pytest.fail("nothing is waited for"), None, print)  # type: ignore[arg-type]
    (found,) = await_load(task, batch)
    assert (found.version, found.num_rows) == (NEW_VERSION, 100)
    assert [each.segment_id for each in visible_of(task, batch)] == [found.segment_id]
    stone = replace(found, shard_spec_type=TOMBSTONE, num_rows=None)
    world.druid.segments = [stone if each.segment_id == found.segment_id else each for each in world.druid.segments]
    assert [each.num_rows for each in await_load(task, batch)] == [0]
