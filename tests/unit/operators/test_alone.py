"""A night whose jobs take no locks, beside others who write."""

from __future__ import annotations

from dataclasses import replace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.errors import ConflictError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.pipeline import Submission
from druid_reindex.model.writers import Supervisor
from druid_reindex.operators.alone import require_alone
from druid_reindex.operators.plan import PlanNightOperator
from night_world import SETTINGS, World, make
from twins import Outcome

STEPS = replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update={"submit": Submission.EMR_STEP}))
RUNNING = Supervisor("vitals-stream", is_suspended=False)
THEIRS = {"id": "theirs", "type": "index_parallel", "spec": {"dataSchema": {"dataSource": "patient_vitals"}}}


def plan(world: World, *, by_steps: bool = True) -> list[int]:
    planned: list[int] = world.run(make(PlanNightOperator, "plan", settings=STEPS if by_steps else SETTINGS))
    return planned


def look(world: World) -> None:
    """What a task of the night finds just before it adds its step, and just after that has ended."""
    require_alone(make(PlanNightOperator, "reindex", settings=STEPS), world.context())


def test_a_supervisor_or_compaction_stops_a_night_of_steps_before_its_cluster(world: World) -> None:
    world.druid.supervisors = [RUNNING]
    with pytest.raises(AirflowFailException, match="supervisor vitals-stream runs"):
        plan(world)
    world.druid.supervisors, world.druid.compacted = [], {"patient_vitals"}
    with pytest.raises(AirflowFailException, match="compacts it automatically"):
        plan(world)


def test_neither_is_in_the_way_of_a_job_that_takes_locks_or_of_a_look(world: World) -> None:
    world.druid.supervisors, world.druid.compacted = [RUNNING], {"patient_vitals"}
    assert plan(world, by_steps=False) == [0]
    world.conf = world.conf | {"dry_run": True}
    assert plan(world) == []


def test_a_night_with_nothing_to_do_asks_nobody_to_stop(world: World) -> None:
    world.druid.supervisors, world.druid.segments = [RUNNING], []
    assert plan(world) == []


def test_a_task_of_others_is_waited_for_and_read_and_not_stopped(world: World) -> None:
    world.druid.outcomes = [Outcome(polls=3)]
    world.druid.submit_task(THEIRS)
    assert plan(world) == [0]
    assert world.druid.task_status("theirs").state is TaskState.SUCCESS
    assert [type(each.trigger).__name__ for each in world.deferred] == ["DruidTaskTrigger"]
    assert world.deferred[0].trigger.serialize()[1]["ours"] is False


def test_what_began_after_the_plan_wants_another_one(world: World) -> None:
    plan(world)
    look(world)
    world.druid.outcomes = [Outcome(polls=1)]
    world.druid.submit_task(THEIRS)
    for _ in ("while it runs", "once it has succeeded"):
        with pytest.raises(ConflictError, match="since the plan: theirs"):
            look(world)
        while not world.druid.task_status("theirs").state.is_ended:
            pass


def test_what_had_succeeded_before_the_plan_is_in_it(world: World) -> None:
    world.druid.outcomes = [Outcome()]
    world.druid.submit_task(THEIRS)
    while not world.druid.task_status("theirs").state.is_ended:
        pass
    assert plan(world) == [0]
    look(world)
