"""The run's cluster, or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.errors import NotFoundError
from druid_reindex.model.cluster import ClusterState
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.run_cluster import cluster_of, may_submit
from night_world import World, make


def test_a_night_that_needed_none_has_none(world: World) -> None:
    world.xcoms["cluster_up", "return_value"] = {"cluster_id": None}
    with pytest.raises(NotFoundError, match="nothing left to do"):
        cluster_of(make(ReindexSegmentsOperator, "reindex", batch=0), world.context())


def test_nothing_is_submitted_to_one_that_has_ended(world: World) -> None:
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    task = make(ReindexSegmentsOperator, "reindex", batch=0)
    cluster = cluster_of(task, world.context())
    may_submit(task, world.context(), cluster, None)
    with pytest.raises(NotFoundError, match="clear cluster_up"):
        may_submit(task, world.context(), replace(cluster, state=ClusterState.TERMINATED), None)
