"""Tests of `cluster_up` and `cluster_down`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from druid_reindex.errors import NoAnswerError
from druid_reindex.model.cluster import ClusterState
from druid_reindex.model.pipeline import Policy
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.links import EvidenceLink
from druid_reindex.operators.verdict import NightVerdictOperator
from night_world import SETTINGS, World, make, rebuilt


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
    world.run(make(NightVerdictOperator, "verdict"))
    world.run_id = "manual__2"
    world.plan()
    assert up(world)["cluster_id"] != first["cluster_id"]


def test_both_tasks_link_to_the_cluster(world: World) -> None:
    world.plan()
    cluster_id = up(world)["cluster_id"]
    down(world)
    for task, operator in (("cluster_up", LaunchEmrClusterOperator), ("cluster_down", TerminateEmrClusterOperator)):
        cluster_link, evidence_link, *_ = operator.operator_extra_links
        assert isinstance(evidence_link, EvidenceLink)
        assert world.xcoms[task, cluster_link.xcom_key].endswith(f"/clusterDetails/{cluster_id}")


def test_a_dead_cluster_is_replaced(world: World) -> None:
    world.plan()
    first = up(world)
    down(world)
    assert up(world)["cluster_id"] != first["cluster_id"]


@pytest.mark.parametrize("state", [state for state in ClusterState if state.is_up])
def test_a_living_cluster_is_attached_to(world: World, state: ClusterState) -> None:
    world.emr.lifecycle = (ClusterState.STARTING, ClusterState.BOOTSTRAPPING, state)
    world.plan()
    assert up(world) == up(world)
    assert len(world.emr.launched) == 1


@pytest.mark.parametrize(
    "state", [ClusterState.TERMINATING, ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS]
)
def test_one_that_is_ending_or_ended_is_not(world: World, state: ClusterState) -> None:
    world.plan()
    first = up(world)["cluster_id"]
    world.emr.clusters[first] = replace(world.emr.clusters[first], state=state)
    assert up(world)["cluster_id"] != first


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


def test_a_launch_without_an_answer_and_without_a_cluster_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(_payload: object) -> str:
        raise NoAnswerError("launch", resource="EMR", came_back="reset", remedy="look by tag")

    monkeypatch.setattr(world.emr, "run_job_flow", unanswered)
    world.plan()
    with pytest.raises(AirflowException, match="reset") as error:
        up(world)
    assert not isinstance(error.value, AirflowFailException)


def test_a_cluster_that_does_not_come_up_in_time_is_ended(world: World) -> None:
    world.emr.lifecycle = (ClusterState.STARTING,)
    world.plan()
    launch = make(LaunchEmrClusterOperator, "cluster_up")
    policy = Policy(max_night_hours=1e-9)
    launch.settings = replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update={"policy": policy}))
    with pytest.raises(AirflowException, match="STARTING"):
        world.run(launch)
    assert world.emr.terminated == [*world.emr.clusters]


def test_a_killed_launch_ends_its_cluster(world: World) -> None:
    world.plan()
    launch = make(LaunchEmrClusterOperator, "cluster_up")
    launch.on_kill()
    assert world.emr.terminated == []
    cluster_id = world.run(launch)["cluster_id"]
    launch.on_kill()
    assert world.emr.terminated == [cluster_id]


def test_down_finds_its_clusters_by_tag_alone_and_waits_until_they_ended(world: World) -> None:
    world.plan()
    cluster_id = up(world)["cluster_id"]
    world.xcoms.clear()
    ended = down(world)
    assert (ended["cluster_id"], ended["state"], ended["reason"]) == (cluster_id, "TERMINATED", "USER_REQUEST")
    assert down(world)["state"] == "TERMINATED"
    assert world.emr.terminated == [cluster_id]


def test_down_ends_every_cluster_of_the_run(world: World) -> None:
    world.plan()
    first = up(world)["cluster_id"]
    second = world.emr.run_job_flow(world.emr.launched[0])
    ended = down(world)
    assert (ended["clusters"], ended["cluster_id"]) == ([second, first], second)
    assert ended["normalized_instance_hours"] == 16
    assert all(cluster.state.is_ended for cluster in world.emr.clusters.values())


def test_down_without_a_cluster_is_fine(world: World) -> None:
    assert down(world)["clusters"] == []
