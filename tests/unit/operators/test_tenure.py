"""Two runs of one datasource: one works, the other waits; who lost the lease stops, who takes it ends what lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from druid_reindex.model import lease as stored
from druid_reindex.model.cluster import ClusterState
from druid_reindex.model.lease import Lease
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.triggers.waits import EmrClusterTrigger, LeaseFreeTrigger
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names
from night_world import SETTINGS, World, make

WHERE = names.lease_uri(SETTINGS.boundary, "patient_vitals")


def lease(world: World) -> Lease:
    return stored.from_json(world.store.get(WHERE))


def put(world: World, changed: Lease) -> None:
    world.store.put(WHERE, stored.to_json(changed), kms_key_arn=SETTINGS.boundary.kms_key_arn)


def falls_silent(world: World) -> None:
    """The owner has not been heard of for hours."""
    put(world, replace(lease(world), until=datetime.now(UTC) - timedelta(hours=1)))


def up(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    return told


def as_run(world: World, run_id: str) -> World:
    world.run_id = run_id
    return world


def test_a_second_run_waits_and_holds_no_slot_until_the_first_gives_it_back(world: World) -> None:
    world.plan()
    second = as_run(world, "manual__2")
    planner = make(PlanNightOperator, "plan")
    with pytest.raises(TaskDeferred) as deferred:
        planner.execute(second.context("plan"))
    assert isinstance(deferred.value.trigger, LeaseFreeTrigger)
    as_run(world, "manual__1").run(make(NightVerdictOperator, "verdict"))
    assert as_run(world, "manual__2").plan() == [0]
    assert (lease(world).run_id, lease(world).fence) == ("manual__2", 2)


@pytest.mark.parametrize(
    "task", [
        lambda: make(LaunchEmrClusterOperator, "cluster_up"),
        lambda: make(ReindexSegmentsOperator, "reindex", batch=0),
        lambda: make(ValidateSegmentsOperator, "validate"),
    ],
)  # fmt: skip
def test_a_run_that_lost_the_lease_writes_nothing_more(world: World, task: Any) -> None:
    world.plan()
    up(world)
    night = world.xcoms["plan", "night"]
    falls_silent(world)
    as_run(world, "manual__2").conf = world.conf | {"interval": "2026-09-05/2026-09-06"}
    world.plan()
    launched, submitted, objects = len(world.emr.launched), len(world.druid.submitted), len(world.store.objects)
    world.xcoms["plan", "night"] = night
    with pytest.raises(AirflowFailException, match=r"run manual__2 .* took it at .* \(fence 2\)"):
        as_run(world, "manual__1").run(task())
    assert (len(world.emr.launched), len(world.druid.submitted)) == (launched, submitted)
    assert len(world.store.objects) == objects


def test_the_new_owner_ends_what_the_silent_one_had_started_before_it_plans(world: World) -> None:
    world.plan()
    cluster_id = up(world)["cluster_id"]
    task_id = world.druid.submit_task({
        "id": f"{names.task_prefix('patient_vitals', lease(world).run)}0_aaaa_g1",
        "spec": {"dataSchema": {"dataSource": "patient_vitals"}},
    })  # fmt: skip
    falls_silent(world)
    as_run(world, "manual__2").plan()
    assert world.druid.active_tasks("patient_vitals") == []
    assert task_id in world.druid.ended
    assert world.emr.clusters[cluster_id].state is ClusterState.TERMINATED
    assert [type(each.trigger) for each in world.deferred if isinstance(each.trigger, EmrClusterTrigger)][-1]
    assert (lease(world).fence, lease(world).displaced) == (2, ())


def test_a_waiting_task_takes_its_lease_along_for_renewal(world: World) -> None:
    world.plan()
    up(world)
    arguments = world.deferred[-1].trigger.lease
    assert (arguments["datasource"], arguments["dag_run_id"]) == ("patient_vitals", "manual__1")


def test_the_verdict_ends_a_cluster_whose_launch_failed_and_gives_the_lease_back(world: World) -> None:
    world.plan()
    world.emr.lifecycle = (ClusterState.STARTING, ClusterState.RUNNING)
    cluster_id = up(world)["cluster_id"]
    world.states = {"cluster_up": "failed", "cluster_down": "upstream_failed"}
    with pytest.raises(AirflowFailException, match="cluster_down, cluster_up"):
        world.run(make(NightVerdictOperator, "verdict"))
    assert world.emr.clusters[cluster_id].state is ClusterState.TERMINATED
    assert lease(world).is_given_back


def test_a_dry_run_takes_no_lease_and_waits_for_nobody(world: World) -> None:
    world.conf |= {"dry_run": True}
    assert world.plan() == []
    assert not world.store.exists(WHERE)
    assert world.xcoms["plan", "night"]["fence"] is None


def test_a_green_run_that_is_cleared_takes_the_lease_again(world: World) -> None:
    world.plan()
    up(world)
    world.run(make(NightVerdictOperator, "verdict"))
    assert lease(world).is_given_back
    up(world)
    assert (lease(world).is_open, lease(world).fence) == (True, 2)
    world.plan()
    assert lease(world).fence == 2
