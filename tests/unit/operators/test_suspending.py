"""A night that suspends its datasource's supervisors: when it does, what it waits for, and that they run again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from druid_reindex.clients.suspensions import SuspensionShelf
from druid_reindex.errors import NoAnswerError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.pipeline import Submission, Supervisors
from druid_reindex.model.suspension import Suspension
from druid_reindex.model.writers import Supervisor
from druid_reindex.operators.alone import require_alone
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names
from night_world import DAY, SETTINGS, World, make
from twins import Outcome, segment

THEIRS = {"id": "index_kafka_vitals_1", "type": "index_kafka", "spec": {"dataSchema": {"dataSource": "patient_vitals"}}}
LOST = NoAnswerError("ask", resource="it", came_back="nothing", remedy="wait")


def settings(submit: Submission, supervisors: Supervisors = Supervisors.SUSPEND, days: int = 0) -> NightSettings:
    """Whose nights leave the last ``days`` alone unless they are named."""
    said = {"submit": submit, "supervisors": supervisors, "streaming_window": timedelta(days=days)}
    return replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update=said))


STEPS = settings(Submission.EMR_STEP)
STREAMED = settings(Submission.OVERLORD, days=100_000)
SETTLED = settings(Submission.OVERLORD)


@pytest.fixture
def streaming(world: World) -> World:
    """A night that names an interval, in which two supervisors run and a person has suspended a third one."""
    world.druid.supervisors = [Supervisor("s0", False), Supervisor("s1", False), Supervisor("theirs", True)]
    return world


def plan(world: World, asked: NightSettings) -> list[int]:
    planned: list[int] = world.run(make(PlanNightOperator, "plan", settings=asked))
    return planned


def verdict(world: World, asked: NightSettings) -> Any:
    return world.run(make(NightVerdictOperator, "verdict", settings=asked))


def running(world: World) -> list[str]:
    return [each.supervisor_id for each in world.druid.supervisors if not each.is_suspended]


def kept(world: World) -> Suspension | None:
    return SuspensionShelf(world.store, SETTINGS.boundary, "patient_vitals").read()


@pytest.mark.parametrize("asked", [STEPS, STREAMED], ids=["steps", "within the streaming window"])
def test_a_night_suspends_what_runs_and_resumes_it_at_its_end(streaming: World, asked: NightSettings) -> None:
    assert plan(streaming, asked) == [0]
    assert running(streaming) == []
    assert streaming.xcoms["plan", "night"]["suspended"] == ["s0", "s1"]
    if asked is STEPS:
        require_alone(make(PlanNightOperator, "reindex", settings=asked), streaming.context())
    assert verdict(streaming, asked)["status"] == "rebuilt"
    assert running(streaming) == ["s0", "s1"]


def test_a_job_that_takes_locks_leaves_them_alone_beyond_the_window(streaming: World) -> None:
    assert plan(streaming, SETTLED) == [0]
    assert (running(streaming), kept(streaming)) == (["s0", "s1"], None)
    verdict(streaming, SETTLED)
    assert streaming.druid.histories == {}


@pytest.mark.parametrize("submit", list(Submission))
def test_a_pipeline_that_leaves_them_alone_does(streaming: World, submit: Submission) -> None:
    asked = settings(submit, Supervisors.LEAVE, days=100_000)
    if submit is Submission.OVERLORD:
        assert plan(streaming, asked) == [0]
    else:
        with pytest.raises(AirflowFailException, match="`supervisors: suspend` in the pipeline file"):
            plan(streaming, asked)
    assert (running(streaming), kept(streaming)) == (["s0", "s1"], None)


def test_a_dry_run_and_a_night_with_nothing_to_do_suspend_nothing(streaming: World) -> None:
    streaming.conf = streaming.conf | {"dry_run": True}
    assert plan(streaming, STEPS) == []
    streaming.conf = streaming.conf | {"dry_run": False}
    streaming.druid.segments = []
    assert plan(streaming, STEPS) == []
    assert (running(streaming), streaming.druid.histories) == (["s0", "s1"], {})


@pytest.mark.parametrize("stands", ["a supervisor of nobody knows whom", "compaction"])
def test_nothing_is_suspended_where_something_else_stands_in_the_way(streaming: World, stands: str) -> None:
    if stands == "compaction":
        streaming.druid.compacted = {"patient_vitals"}
    else:
        streaming.druid.supervisors.append(Supervisor("whose", is_suspended=False, is_known=False))
    with pytest.raises(AirflowFailException, match=r"supervisor whose runs|compacts it automatically"):
        plan(streaming, STEPS)
    assert (running(streaming)[:2], streaming.druid.histories) == (["s0", "s1"], {})
    assert plan(streaming, STREAMED) == [0]


@pytest.mark.parametrize("asked", [STEPS, STREAMED], ids=["steps", "within the streaming window"])
def test_what_their_tasks_publish_is_waited_for_and_read(streaming: World, asked: NightSettings) -> None:
    late = segment(DAY, version="2026-09-02T00:00:00.000Z", number=10, datasource="patient_vitals", rows=7)
    streaming.druid.outcomes = [Outcome(publishes=[late], polls=2)]
    streaming.druid.submit_task(THEIRS)
    assert plan(streaming, asked) == [0]
    assert streaming.druid.task_status(str(THEIRS["id"])).state is TaskState.SUCCESS
    assert [each.trigger.serialize()[1]["ours"] for each in streaming.deferred] == [False]
    night = streaming.xcoms["plan", "night"]
    assert (night["segments_before"], night["rows_before"]) == (11, 107)
    assert night["suspended"] == ["s0", "s1"]


def test_a_task_of_the_run_itself_is_not_waited_for(streaming: World) -> None:
    run_id = make(PlanNightOperator, "plan", settings=STREAMED).run_identity(streaming.context())
    mine = THEIRS | {"id": f"{names.task_prefix('patient_vitals', run_id)}b0_x_g1"}
    streaming.druid.outcomes = [Outcome(polls=9)]
    streaming.druid.submit_task(mine)
    assert plan(streaming, STREAMED) == [0]
    assert streaming.deferred == []


def test_what_is_listed_again_decides(streaming: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that a stream has published between the first look and the suspension are in the plan."""
    suspend = streaming.druid.suspend_supervisor

    def publishing(supervisor_id: str) -> bool:
        number = 10 + len(streaming.druid.histories)
        streaming.druid.segments.append(
            segment(DAY, version="2026-09-02T00:00:00.000Z", number=number, datasource="patient_vitals", rows=1)
        )
        return suspend(supervisor_id)

    monkeypatch.setattr(streaming.druid, "suspend_supervisor", publishing)
    plan(streaming, STEPS)
    assert streaming.xcoms["plan", "night"]["segments_before"] == 12


def test_a_plan_that_dies_after_the_suspension_is_mended_by_its_verdict_or_its_retry(
    streaming: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PlanNightOperator, "_stored", _lost)
        with pytest.raises(AirflowException, match="ask on it"):
            plan(streaming, STEPS)
    assert running(streaming) == []
    assert plan(streaming, STEPS) == [0]
    assert streaming.xcoms["plan", "night"]["suspended"] == ["s0", "s1"]
    streaming.xcoms.clear()
    with pytest.raises(AirflowFailException):  # there is no plan: the night is red
        verdict(streaming, STEPS)
    assert running(streaming) == ["s0", "s1"]


def _lost(*_: Any) -> Any:
    raise LOST


@pytest.mark.parametrize(("asked", "runs"), [(STEPS, []), (STREAMED, []), (SETTLED, ["s0", "s1"])])
def test_what_a_dead_run_has_left_suspended_is_the_next_ones(
    streaming: World, asked: NightSettings, runs: list[str]
) -> None:
    """It keeps them suspended while they are in its way, and resumes them at its end, else at once."""
    plan(streaming, STEPS)
    streaming.druid.resume_supervisor("theirs")
    streaming.druid.suspend_supervisor("theirs")
    lease = names.lease_uri(SETTINGS.boundary, "patient_vitals")
    streaming.store.delete(lease)
    streaming.run_id = "manual__2"
    assert plan(streaming, asked) == [0]
    assert running(streaming) == runs
    record = kept(streaming)
    assert record is not None
    assert (record.run.dag_run_id, len(record.supervisors)) == ("manual__2", 0 if runs else 2)
    verdict(streaming, asked)
    assert running(streaming) == ["s0", "s1"]


def test_a_verdict_that_cannot_resume_them_is_red_and_leaves_them_to_the_next_one(
    streaming: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(streaming, STEPS)
    with monkeypatch.context() as patch:
        patch.setattr(streaming.druid, "resume_supervisor", _lost)
        with pytest.raises(AirflowException, match="ask on it"):
            verdict(streaming, STEPS)
    record = kept(streaming)
    assert record is not None
    assert [each.supervisor_id for each in record.supervisors] == ["s0", "s1"]
    verdict(streaming, STEPS)
    assert running(streaming) == ["s0", "s1"]


def test_one_that_a_person_resumes_during_the_night_stops_a_step_and_stays_running(streaming: World) -> None:
    plan(streaming, STEPS)
    streaming.druid.resume_supervisor("s0")
    with pytest.raises(Exception, match="supervisor s0 runs"):
        require_alone(make(PlanNightOperator, "reindex", settings=STEPS), streaming.context())
    verdict(streaming, STEPS)
    assert running(streaming) == ["s0", "s1"]
    assert len(streaming.druid.histories["s0"]) == 3


def test_the_record_names_run_lease_and_connection(streaming: World) -> None:
    began = datetime.now(UTC)
    plan(streaming, STEPS)
    record = kept(streaming)
    assert record is not None
    assert (record.datasource, record.run.dag_run_id, record.conn_id) == ("patient_vitals", "manual__1", "druid_phi")
    assert record.fence == streaming.xcoms["plan", "night"]["fence"]
    assert all(began <= each.since <= datetime.now(UTC) for each in record.supervisors)
