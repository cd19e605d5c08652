"""A run from the shell's side: wait for the DAG, start the run, tell what happens; the engines are elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.clients import night_runs
from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.clients.night_runs import NightRuns
from druid_reindex.errors import DeadlineError, NoAnswerError, NotFoundError
from followed_airflow import Airflow

DAG_ID = "nightly_reindex__patient_vitals"
ASKED = {"interval": "2026-09-01/2026-09-02", "reason": "a test"}
PLAN = TaskInstance("plan", -1, "running", 0.0, 1)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night_runs, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(night_runs, "PARSED_SECONDS", 0.05)


def follow(airflow: Any, **options: Any) -> tuple[str, list[str]]:
    lines: list[str] = []
    return NightRuns(airflow, DAG_ID, lines.append, ASKED).follow("r", **options), lines


def test_the_run_starts_once_the_dag_is_parsed_with_what_was_asked() -> None:
    airflow: Any = Airflow(parsed=3)
    lines: list[str] = []
    assert NightRuns(airflow, DAG_ID, lines.append, ASKED).start({"force": True}).startswith("manual__")
    conf = ASKED | {"force": True}
    assert airflow.calls == [("unpause", DAG_ID), ("trigger", DAG_ID, conf)]
    assert "started" in lines[0]


def test_a_dag_that_does_not_parse_is_told_with_its_import_error() -> None:
    airflow: Any = Airflow(parsed=10**6)
    with pytest.raises(NotFoundError, match="classification 'secret'"):
        NightRuns(airflow, DAG_ID, print, ASKED).start()
    assert airflow.calls == []


def test_each_change_is_told_once_and_waiting_is_not() -> None:
    queued, done = replace(PLAN, state="queued"), replace(PLAN, state="success", seconds=3.2)
    looks = [("queued", [queued]), ("running", [PLAN]), ("running", [PLAN]), ("success", [done])]
    assert follow(Airflow(looks)) == ("success", ["plan: running", "plan: success, 3 s"])


def test_the_last_change_is_told_even_when_the_run_ends_with_it() -> None:
    failed = replace(PLAN, state="failed", seconds=1.0)
    state, lines = follow(Airflow([("running", [PLAN]), ("failed", [failed])]))
    assert state == "failed"
    assert lines == ["plan: running", "plan: failed, 1 s", "    first line", "    the reason"]


def test_a_log_that_cannot_be_read_does_not_end_the_following(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> list[str]:
        raise NoAnswerError("read a log", resource="plan", came_back="ReadTimeout", remedy="look in the UI")

    airflow = Airflow([("failed", [replace(PLAN, state="failed")])])
    monkeypatch.setattr(airflow, "log", silent)
    state, lines = follow(airflow)
    assert state == "failed"
    assert "ReadTimeout" in lines[-1]


def test_a_night_without_end_is_given_up() -> None:
    with pytest.raises(DeadlineError, match="running after"):
        follow(Airflow([("running", [PLAN])]), limit_seconds=0.02)
