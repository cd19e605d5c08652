"""What Airflow says of a run: what stopped, and why."""

from __future__ import annotations

from typing import Any, cast

import pytest

from airflow_twin import DAG, RUN, FakeAirflow, task
from druid_reindex.clients.airflow import AirflowApi, DagRun, TaskInstance
from druid_reindex.clients.airflow_facts import airflow_facts, asked_batches, blamed, stopped_task, told_night
from druid_reindex.clients.night_facts import AirflowFacts
from druid_reindex.errors import NoAnswerError
from druid_reindex.evidence.night_state import Stopped, Unread
from twins import EPOCH

FAILED = DagRun(DAG, RUN, "failed", queued_at=EPOCH)
AWAY = NoAnswerError("ask", resource="it", came_back="nothing", remedy="wait")
NIGHT = {"batches": [1, 4]}


def facts(airflow: FakeAirflow, run: DagRun = FAILED, night: dict[str, Any] | None = None) -> AirflowFacts:
    return airflow_facts(cast("AirflowApi", airflow), run, night)


def test_a_failed_batch_is_named_by_its_number_and_the_verdict_is_not_blamed() -> None:
    airflow = FakeAirflow(
        tasks=[task("plan"), task("reindex", map_index=0), task("reindex", "failed", 1), task("verdict", "failed")],
        failures={"reindex[1]": "out of memory"},
    )
    told = facts(airflow, night=NIGHT)
    assert told.stopped == (Stopped("reindex", 1, EPOCH, batch=4),)
    assert told.why == "reindex[1]: out of memory"
    assert (told.state, told.queued_at, told.batches, told.suspended) == ("failed", EPOCH, (1, 4), ())


@pytest.mark.parametrize(
    ("index", "batches", "batch"), [(-1, (3,), None), (0, (3,), 3), (0, None, 0), (1, (3,), 1), (0, (), 0)]
)
def test_the_number_of_a_mapped_task(index: int, batches: tuple[int, ...] | None, batch: int | None) -> None:
    assert stopped_task(task("reindex", "failed", index), batches).batch == batch


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([task("plan", "failed"), task("verdict", "failed")], ["plan"]),
        ([task("plan"), task("verdict", "failed")], ["verdict"]),
        ([task("plan", "upstream_failed"), task("validate", "skipped")], []),
    ],
)
def test_who_is_blamed(tasks: list[TaskInstance], expected: list[str]) -> None:
    assert [each.task_id for each in blamed(tasks)] == expected


def test_a_killed_task_has_no_exception() -> None:
    assert "killed" in str(facts(FakeAirflow(tasks=[task("plan", "failed")])).why)


def test_a_run_that_airflow_does_not_know_has_no_tasks() -> None:
    missing = DagRun(DAG, RUN, "missing")
    airflow = FakeAirflow(xcoms={("plan", "night"): NIGHT})
    assert facts(airflow, missing) == AirflowFacts("missing")
    assert told_night(cast("AirflowApi", airflow), missing) is None


def test_a_paused_dag_is_told() -> None:
    assert DAG in str(facts(FakeAirflow(paused={DAG})).suspended)


def test_what_is_not_answered_is_unread_in_its_own_place() -> None:
    airflow = FakeAirflow(tasks=[task("plan", "failed")], silent={"dag": AWAY, "failure": AWAY})
    told = facts(airflow)
    assert isinstance(told.suspended, Unread)
    assert told.stopped == (Stopped("plan", 1, EPOCH),)
    assert "could not read" in str(told.why)
    lost = facts(FakeAirflow(silent={"task_instances": AWAY}), night=NIGHT)
    assert isinstance(lost.stopped, Unread)
    assert isinstance(lost.why, Unread)
    assert (lost.state, lost.batches) == ("failed", (1, 4))


def test_what_plan_told() -> None:
    assert told_night(cast("AirflowApi", FakeAirflow(xcoms={("plan", "night"): NIGHT})), FAILED) == NIGHT
    assert told_night(cast("AirflowApi", FakeAirflow()), FAILED) is None
    assert (asked_batches(None), asked_batches({}), asked_batches(NIGHT)) == (None, (), (1, 4))
