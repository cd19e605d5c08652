"""Tests of `cluster_up` and `cluster_down`."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from druid_reindex.errors import NoAnswerError
from druid_reindex.model.cluster import ClusterState
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from night_world import World, make, rebuilt


def up(world: World) -> dict[str, str]:
    found: dict[str, str] = world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    return found


def down(world: World) -> dict[str, object]:
    found: dict[str, object] = world.run(make(TerminateEmrClusterOperator, "cluster_down"))
    return found


def test_a_second_try_attaches_to_the_runs_cluster(world: World) -> None:
    world.plan()
    first = up(world)
    assert first["primary_dns"] == "ip-127-77-0-1.ec2.internal"
    assert up(world) == first
    assert len(world.emr.launched) == 1


def test_another_run_has_a_cluster_of_its_own(world: World) -> None:
    world.plan()
    first = up(world)
    world.run_id = "manual__2"
    world.plan()
    assert up(world)["cluster_id"] != first["cluster_id"]


def test_a_dead_cluster_is_replaced(world: World) -> None:
    world.plan()
    first = up(world)
    down(world)
    assert up(world)["cluster_id"] != first["cluster_id"]


def test_an_empty_plan_launches_nothing(world: World) -> None:
    world.druid.segments = [rebuilt()]
    world.plan()
    with pytest.raises(AirflowSkipException, match="nothing to do"):
        up(world)
    assert world.emr.launched == []


@pytest.mark.parametrize(
    ("reason", "kind"), [("BOOTSTRAP_FAILURE", AirflowFailException), ("INTERNAL_ERROR", AirflowException)]
)
def test_a_cluster_that_ends_is_an_error_with_its_reason(
    world: World, reason: str, kind: type[AirflowException]
) -> None:
    world.emr.lifecycle = (ClusterState.STARTING, ClusterState.TERMINATED_WITH_ERRORS)
    world.emr.reason = (reason, "it broke")
    world.plan()
    with pytest.raises(kind, match=f"{reason}: it broke") as error:
        up(world)
    assert type(error.value) is kind


def test_a_launch_without_an_answer_is_found_by_its_tag(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = world.emr.run_job_flow

    def unanswered(payload: object) -> str:
        accepted(payload)  # type: ignore[arg-type]
        raise NoAnswerError("launch", resource="EMR", came_back="reset", remedy="look by tag")

    monkeypatch.setattr(world.emr, "run_job_flow", unanswered)
    world.plan()
    assert up(world)["cluster_id"] in world.emr.clusters
    assert len(world.emr.launched) == 1


def test_down_finds_its_clusters_by_tag_alone_and_waits_until_they_ended(world: World) -> None:
    world.plan()
    cluster_id = up(world)["cluster_id"]
    world.xcoms.clear()
    ended = down(world)
    assert (ended["cluster_id"], ended["state"], ended["reason"]) == (cluster_id, "TERMINATED", "USER_REQUEST")
    assert down(world)["state"] == "TERMINATED"
    assert world.emr.terminated == [cluster_id]


def test_down_without_a_cluster_is_fine(world: World) -> None:
    assert down(world)["clusters"] == []
