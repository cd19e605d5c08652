"""`druid-reindex status`: the text and the document, and what it can tell while Airflow is away."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from airflow_twin import DAG, PLACES, RUN, Outside, task
from druid_reindex.cli import status
from druid_reindex.cli.main import app
from druid_reindex.clients.airflow import DagRun
from druid_reindex.errors import NoAnswerError
from twins import EPOCH

RUNNER = CliRunner()
AWAY = NoAnswerError("ask Airflow GET", resource="/api", came_back="ConnectError", remedy="check the api-server")


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    made = Outside().connect(monkeypatch, status)
    made.airflow.runs = [DagRun(DAG, "manual__0", "success"), DagRun(DAG, RUN, "failed", EPOCH)]
    made.airflow.tasks = [task("plan", "failed"), task("verdict", "failed")]
    made.airflow.failures = {"plan": "read the timeline on Druid: HTTP 503. What to do: wait"}
    return made


def test_the_latest_run_of_a_pipeline(outside: Outside) -> None:
    result = RUNNER.invoke(app, ["status", "patient_vitals", *PLACES])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:4] == [
        f"WHAT stopped  run {RUN} is failed",
        "              plan, try 1 since 2026-10-06 02:30 UTC",
        "WHY           plan: read the timeline on Druid: HTTP 503. What to do: wait",
        "SERVING       no time chunk was planned: Druid serves what it served before",
    ]
    assert f"SAFE NEXT     druid-reindex resume {RUN} --dag-id {DAG}  after mending the cause" in result.stdout


def test_one_run_as_a_document(outside: Outside) -> None:
    result = RUNNER.invoke(app, ["status", "manual__0", "--json", *PLACES])
    told = json.loads(result.stdout)
    assert (told["run_id"], told["run_state"], told["progress"]) == ("manual__0", "success", None)


def test_the_price_is_that_of_the_profile_that_was_asked_for(outside: Outside) -> None:
    outside.airflow.xcoms["plan", "night"] = {"batches": [], "profile": "no_such_profile"}
    result = RUNNER.invoke(app, ["status", "patient_vitals", *PLACES])
    assert result.exit_code == 1
    assert "no_such_profile" in result.stderr


def test_while_airflow_is_away_the_rest_is_told_for_a_named_run(outside: Outside) -> None:
    outside.airflow.down = AWAY
    result = RUNNER.invoke(app, ["status", RUN, "--dag-id", DAG, *PLACES])
    assert result.exit_code == 0
    assert "WHAT stopped  could not read: ask Airflow GET" in result.stdout
    assert "RUNNING       no cluster" in result.stdout
    assert f"SAFE NEXT     druid-reindex status {RUN} --dag-id {DAG}  once Airflow answers" in result.stdout
    assert RUNNER.invoke(app, ["status", RUN, *PLACES]).exit_code == 1


def test_help_teaches_the_sections() -> None:
    text = RUNNER.invoke(app, ["status", "--help"]).stdout
    assert all(word in text for word in ("SERVING", "SAFE NEXT", "AIRFLOW_URL", "DRUID_URL"))
