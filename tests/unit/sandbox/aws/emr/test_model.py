"""Clusters and steps as values."""

from __future__ import annotations

import re

import pytest

from druid_reindex.sandbox.aws.emr.model import (
    ClusterState,
    Ending,
    Reason,
    StepState,
    new_ec2_id,
    new_id,
)
from emulated_clusters import new_cluster


@pytest.mark.parametrize("prefix", ["j", "s", "ig"])
def test_ids_look_like_emrs(prefix: str) -> None:
    made = {new_id(prefix) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(f"{prefix}-[A-Z0-9]{{13}}", found) for found in made)


def test_instance_ids_look_like_ec2s() -> None:
    assert re.fullmatch(r"i-[0-9a-f]{17}", new_ec2_id())


def test_the_timeline_follows_the_state() -> None:
    cluster = new_cluster()
    with cluster.changed:
        cluster.move(ClusterState.BOOTSTRAPPING)
        assert cluster.timeline.ready is None
        cluster.move(ClusterState.RUNNING)
        ready = cluster.timeline.ready
        cluster.move(ClusterState.WAITING, Reason("Cluster ready to run steps."))
        assert cluster.timeline.ready == ready
        assert cluster.timeline.ended is None
        cluster.move(ClusterState.TERMINATED)
    assert cluster.timeline.ended is not None


def test_the_first_reason_to_end_stands() -> None:
    cluster = new_cluster()
    first = Ending(Reason("a step failed", "STEP_FAILURE"), with_errors=True)
    with cluster.changed:
        cluster.end(first)
        cluster.end(Ending(Reason("somebody asked", "USER_REQUEST")))
    assert cluster.ending is first


def test_steps_are_found_by_id_and_state() -> None:
    cluster = new_cluster("one", "two")
    one, two = cluster.steps
    two.state = StepState.RUNNING
    assert cluster.step(one.id) is one
    assert cluster.step("s-NONE") is None
    assert cluster.steps_in(frozenset({StepState.PENDING})) == [one]
