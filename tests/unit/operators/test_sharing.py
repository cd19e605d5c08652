"""Nights that share a cluster: who launches it, who waits, who ends it, whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred

from druid_reindex.clients.groups import GroupShelf
from druid_reindex.errors import NoAnswerError
from druid_reindex.model import group as stored
from druid_reindex.model.cluster import ClusterState, StepState
from druid_reindex.model.group import Group
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import ClusterChoice, Policy, Submission
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.run_cluster import may_submit
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.triggers.groups import GroupClusterTrigger
from druid_reindex.operators.triggers.waits import EmrClusterTrigger
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names
from druid_reindex.plan.group import LAUNCH_PATIENCE
from night_world import SETTINGS, World, make

DEPLOYMENT = SETTINGS.boundaries.deployment_id
DAG = "nightly_reindex__patient_vitals"


def grouped(datasource: str, **changes: Any) -> NightSettings:
    shared = {"datasource": datasource, "cluster": ClusterChoice(profile="secure", group="nightly")}
    return replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update=shared | changes))


class Night:
    """One pipeline's night in a world that it shares with other nights."""

    def __init__(self, shared: World, name: str, **changes: Any) -> None:
        self.settings = grouped(f"patient_{name}", **changes)
        self.world = World(druid=shared.druid, emr=shared.emr, store=shared.store, run_id=name, dead=shared.dead)
        self.run_id = RunId.of(DEPLOYMENT, dag_id=DAG, run_id=name)
        self.profile("secure")

    def profile(self, name: str) -> None:
        self.world.xcoms["plan", "night"] = {
            "batches": [0], "fence": None, "profile": name, "plan_sha256": "", "dry_run": False, "explanation": "why",
        }  # fmt: skip

    def task(self, kind: Any, task_id: str, **options: Any) -> Any:
        made = make(kind, task_id, **options)
        made.settings = self.settings
        return made

    def up(self) -> str:
        return str(self.world.run(self.task(LaunchEmrClusterOperator, "cluster_up"))["cluster_id"])

    def down(self) -> dict[str, Any]:
        told: dict[str, Any] = self.world.run(self.task(TerminateEmrClusterOperator, "cluster_down"))
        return told

    def verdict(self) -> None:
        self.world.run(self.task(NightVerdictOperator, "verdict"))

    @property
    def shelf(self) -> GroupShelf:
        key = names.group_key(self.settings.pipeline, DEPLOYMENT)
        assert key is not None
        return GroupShelf(self.world.store, SETTINGS.boundary, key)

    @property
    def group(self) -> Group:
        found = self.shelf.read()
        assert found is not None
        return found


@pytest.fixture
def vitals(world: World) -> Night:
    return Night(world, "vitals")


@pytest.fixture
def labs(world: World) -> Night:
    return Night(world, "labs")


def users(night: Night) -> list[str]:
    return [member.run.dag_run_id for member in night.group.members]


def step_of(night: Night, cluster_id: str) -> str:
    name = f"{names.task_prefix(night.settings.pipeline.datasource, night.run_id)}0_aaaa_g1"
    return night.world.emr.add_step(cluster_id, {"Name": name})


def silent(night: Night) -> None:
    """The launcher has not been heard of for as long as others wait for it."""
    group = night.group
    assert group.launcher is not None
    since = group.launcher.since - LAUNCH_PATIENCE
    changed = replace(group, launcher=replace(group.launcher, since=since))
    night.world.store.put(names.group_uri(SETTINGS.boundary, group.key), stored.to_json(changed), kms_key_arn="k")


def killed_after(launch: Callable[[Any], str]) -> Callable[[Any], str]:
    def accepted(payload: Any) -> str:
        launch(payload)
        raise KeyboardInterrupt

    return accepted


@pytest.mark.parametrize("launcher_leaves_first", [True, False])
def test_two_runs_share_one_cluster_and_the_last_one_out_ends_it(
    vitals: Night, labs: Night, *, launcher_leaves_first: bool
) -> None:
    emr = vitals.world.emr
    cluster_id = vitals.up()
    assert labs.up() == cluster_id
    first, last = (vitals, labs) if launcher_leaves_first else (labs, vitals)
    for _ in range(2):
        told = first.down()
        assert (told["clusters"], told["used_by"]) == ([], [f"{DAG} {last.run_id.dag_run_id}"])
    first.verdict()
    assert emr.terminated == []
    for _ in range(2):
        told = last.down()
    assert told["used_by"] == []
    last.verdict()
    assert emr.terminated == [cluster_id]
    assert emr.clusters[cluster_id].state is ClusterState.TERMINATED
    assert len(emr.launched) == 1


def test_the_last_one_out_tells_what_ended(vitals: Night) -> None:
    cluster_id = vitals.up()
    told = vitals.down()
    assert (told["clusters"], told["state"], told["normalized_instance_hours"]) == ([cluster_id], "TERMINATED", 8)


def test_a_shared_cluster_is_tagged_as_its_groups_and_takes_several_steps(vitals: Night) -> None:
    vitals.up()
    (request,) = vitals.world.emr.launched
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert (tags[names.GROUP_TAG], tags[names.GENERATION_TAG]) == (vitals.group.key, "1")
    assert tags[names.RUN_TAG] == str(vitals.run_id)
    assert request["StepConcurrencyLevel"] >= 5
    assert request["AutoTerminationPolicy"] == {"IdleTimeout": 3600}


def test_who_comes_while_another_launches_waits_and_holds_no_slot(vitals: Night, labs: Night) -> None:
    vitals.shelf.join(DEPLOYMENT, vitals.run_id)
    launch = labs.task(LaunchEmrClusterOperator, "cluster_up")
    with pytest.raises(TaskDeferred) as deferred:
        launch.execute(labs.world.context("cluster_up"))
    assert isinstance(deferred.value.trigger, GroupClusterTrigger)
    cluster_id = vitals.up()
    event = {"event": {"why": "a cluster", "item": labs.group.key}}
    emr = vitals.world.emr
    emr.clusters[cluster_id] = replace(emr.clusters[cluster_id], state=ClusterState.STARTING)
    with pytest.raises(TaskDeferred) as waits_until_up:
        launch.resume_execution(deferred.value.method_name, event, labs.world.context("cluster_up"))
    assert isinstance(waits_until_up.value.trigger, EmrClusterTrigger)
    assert waits_until_up.value.trigger.shared
    assert len(emr.launched) == 1


def test_a_killed_launcher_finds_what_it_had_launched(vitals: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    emr = vitals.world.emr
    with monkeypatch.context() as patch:
        patch.setattr(emr, "run_job_flow", killed_after(emr.run_job_flow))
        with pytest.raises(KeyboardInterrupt):
            vitals.up()
    assert vitals.up() == "j-0000000000001"
    assert len(emr.launched) == 1


def test_another_run_takes_over_from_a_dead_launcher_and_finds_its_cluster(
    vitals: Night, labs: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr = vitals.world.emr
    with monkeypatch.context() as patch:
        patch.setattr(emr, "run_job_flow", killed_after(emr.run_job_flow))
        with pytest.raises(KeyboardInterrupt):
            vitals.up()
    silent(vitals)
    assert labs.up() == "j-0000000000001"
    assert vitals.up() == "j-0000000000001"
    assert len(emr.launched) == 1


def test_a_launcher_that_was_only_slow_ends_its_own_cluster_and_uses_the_others(
    vitals: Night, labs: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr, launch = vitals.world.emr, vitals.world.emr.run_job_flow

    def slow(payload: Any) -> str:
        monkeypatch.setattr(emr, "run_job_flow", launch)
        silent(vitals)
        labs.up()
        return launch(payload)

    monkeypatch.setattr(emr, "run_job_flow", slow)
    assert vitals.up() == "j-0000000000001"
    assert emr.terminated == ["j-0000000000002"]
    assert sorted(users(vitals)) == ["labs", "vitals"]


def test_a_launcher_that_was_taken_out_meanwhile_ends_its_cluster(
    vitals: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr, launch = vitals.world.emr, vitals.world.emr.run_job_flow

    def aborted(payload: Any) -> str:
        vitals.shelf.leave(vitals.run_id)
        return launch(payload)

    monkeypatch.setattr(emr, "run_job_flow", aborted)
    with pytest.raises(AirflowException, match="left the group meanwhile"):
        vitals.up()
    assert emr.terminated == ["j-0000000000001"]


def test_what_it_launched_is_left_to_others_that_look_for_a_cluster(
    vitals: Night, labs: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr, launch = vitals.world.emr, vitals.world.emr.run_job_flow

    def aborted(payload: Any) -> str:
        labs.shelf.join(DEPLOYMENT, labs.run_id)
        vitals.shelf.leave(vitals.run_id)
        return launch(payload)

    with monkeypatch.context() as patch:
        patch.setattr(emr, "run_job_flow", aborted)
        with pytest.raises(AirflowException, match="left the group meanwhile") as told:
            vitals.up()
    assert not isinstance(told.value, AirflowFailException)
    assert emr.terminated == []
    assert labs.up() == "j-0000000000001"
    assert len(emr.launched) == 1


def test_a_launch_without_an_answer_is_found_by_its_tags(vitals: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = vitals.world.emr.run_job_flow

    def unanswered(payload: Any) -> str:
        accepted(payload)
        raise NoAnswerError("launch", resource="EMR", came_back="reset", remedy="look by tag")

    monkeypatch.setattr(vitals.world.emr, "run_job_flow", unanswered)
    assert vitals.up() == "j-0000000000001"
    assert len(vitals.world.emr.launched) == 1


def test_a_dead_cluster_is_replaced_once_for_all(vitals: Night, labs: Night) -> None:
    first = vitals.up()
    labs.up()
    emr = vitals.world.emr
    emr.clusters[first] = replace(emr.clusters[first], state=ClusterState.TERMINATED_WITH_ERRORS)
    second = labs.up()
    assert second != first
    assert vitals.up() == second
    assert (vitals.group.generation, len(emr.launched)) == (2, 2)


def test_a_cluster_that_emr_has_forgotten_is_replaced(vitals: Night) -> None:
    first = vitals.up()
    del vitals.world.emr.clusters[first]
    assert vitals.up() != first


def test_a_cluster_that_fails_is_an_error_for_all_and_the_next_try_launches_another(vitals: Night, labs: Night) -> None:
    emr = vitals.world.emr
    emr.lifecycle, emr.reason = (ClusterState.STARTING, ClusterState.TERMINATED_WITH_ERRORS), ("INTERNAL_ERROR", "x")
    with pytest.raises(AirflowException, match="INTERNAL_ERROR"):
        vitals.up()
    emr.lifecycle = (ClusterState.STARTING, ClusterState.WAITING)
    assert labs.up() == vitals.up() == "j-0000000000002"


def test_who_joins_while_the_last_one_out_ends_the_cluster_gets_the_next_one(vitals: Night, labs: Night) -> None:
    first = vitals.up()
    vitals.shelf.leave(vitals.run_id)
    second = labs.up()
    assert second != first
    told = vitals.down()
    assert (told["clusters"], told["used_by"]) == ([first], [f"{DAG} labs"])
    assert vitals.world.emr.terminated == [first]
    assert labs.down()["clusters"] == [second]


def test_a_member_whose_run_is_over_is_forgotten(vitals: Night, labs: Night) -> None:
    cluster_id = vitals.up()
    labs.up()
    vitals.world.dead.add("labs")
    told = vitals.down()
    assert (told["clusters"], told["used_by"]) == ([cluster_id], [])
    assert vitals.group.members == ()


def test_a_run_that_is_cleared_joins_again_while_the_other_works(vitals: Night, labs: Night) -> None:
    cluster_id = vitals.up()
    labs.up()
    vitals.down()
    assert vitals.up() == cluster_id
    assert labs.down()["used_by"] == [f"{DAG} vitals"]
    assert vitals.down()["clusters"] == [cluster_id]
    assert len(vitals.world.emr.launched) == 1


def test_a_batch_is_refused_on_a_cluster_that_its_run_has_left(vitals: Night, labs: Night) -> None:
    cluster_id = vitals.up()
    labs.up()
    cluster = vitals.world.emr.describe_cluster(cluster_id)
    reindex = vitals.task(ReindexSegmentsOperator, "reindex", batch=0)
    context = vitals.world.context()
    sharing = reindex.sharing(context)
    may_submit(reindex, context, cluster, sharing)
    vitals.down()
    with pytest.raises(Exception, match="not one of those any more"):
        may_submit(reindex, context, cluster, sharing)


def test_a_run_on_another_profile_has_a_cluster_of_its_own(
    vitals: Night, labs: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(labs.settings, profile=SETTINGS.profile.model_copy(update={"name": "big"}))
    monkeypatch.setattr(NightSettings, "on_profile", lambda self, name: self if name == "secure" else other)
    shared = vitals.up()
    labs.profile("big")
    own = labs.up()
    assert own != shared
    assert users(vitals) == ["vitals"]
    told = labs.down()
    assert (told["clusters"], told["used_by"]) == ([own], [])
    assert vitals.world.emr.terminated == [own]


def test_runs_that_differ_in_what_a_cluster_is_made_of_never_meet(world: World, vitals: Night) -> None:
    by_step = Night(world, "labs", submit=Submission.EMR_STEP)
    assert vitals.settings.pipeline.submit is not Submission.EMR_STEP
    assert by_step.up() != vitals.up()


def test_a_verdict_ends_the_runs_own_steps_and_leaves_the_cluster_to_the_other(vitals: Night, labs: Night) -> None:
    cluster_id = vitals.up()
    labs.up()
    mine, theirs = step_of(vitals, cluster_id), step_of(labs, cluster_id)
    vitals.verdict()
    states = {step.step_id: step.state for step in vitals.world.emr.list_steps(cluster_id)}
    assert states == {mine: StepState.CANCELLED, theirs: StepState.PENDING}
    assert (users(labs), vitals.world.emr.terminated) == (["labs"], [])
    labs.verdict()
    assert vitals.world.emr.terminated == [cluster_id]


def test_a_verdict_waits_for_a_step_that_takes_its_time_to_end(
    vitals: Night, labs: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster_id = vitals.up()
    labs.up()
    step_id = step_of(vitals, cluster_id)
    monkeypatch.setattr(vitals.world.emr, "cancel_step", lambda _cluster_id, _step_id: None)
    vitals.verdict()
    assert vitals.world.deferred[-1].trigger.waited_for()["step_id"] == step_id
    assert vitals.world.emr.describe_step(cluster_id, step_id).state.is_ended


def test_a_killed_launch_leaves_the_cluster_to_the_other_and_ends_it_when_alone(vitals: Night, labs: Night) -> None:
    launches = {night: night.task(LaunchEmrClusterOperator, "cluster_up") for night in (vitals, labs)}
    cluster_id, _ = (night.world.run(launch)["cluster_id"] for night, launch in launches.items())
    launches[vitals].on_kill()
    assert vitals.world.emr.terminated == []
    launches[labs].on_kill()
    assert vitals.world.emr.terminated == [cluster_id]


def test_a_cluster_that_does_not_come_up_in_time_is_left(world: World, vitals: Night) -> None:
    world.emr.lifecycle = (ClusterState.STARTING,)
    hurried = Night(world, "labs", policy=Policy(max_night_hours=1e-9))
    with pytest.raises(AirflowException, match="STARTING") as late:
        hurried.up()
    assert not isinstance(late.value, AirflowFailException)
    assert world.emr.terminated == ["j-0000000000001"]
    assert hurried.group.members == ()


def test_the_patience_with_a_launcher_is_longer_than_a_launch_takes() -> None:
    assert timedelta(minutes=5) <= LAUNCH_PATIENCE <= timedelta(minutes=30)
