"""`druid-reindex orphans`: it lists, and takes away only when asked; without Airflow's answer nothing is an orphan."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DAG, DESK, PLACES, RUN, Outside
from druid_reindex.cli import orphans
from druid_reindex.cli.main import app
from druid_reindex.clients.airflow import DagRun
from druid_reindex.errors import NoAnswerError, RefusedError
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names
from twins import FakeEmr

AWAY = NoAnswerError("ask", resource="it", came_back="nothing", remedy="wait")


class FirmEmr(FakeEmr):
    """Refuses to end a cluster."""

    def terminate(self, cluster_id: str) -> None:
        raise RefusedError("terminate a cluster", resource=cluster_id, came_back="no", remedy="ask an administrator")


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    return Outside().connect(monkeypatch, orphans)


def launch(outside: Outside, run_id: str, classification: str = "phi") -> str:
    run = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id=run_id)
    tags = names.run_tags(run) | {names.CLASSIFICATION_TAG: classification}
    return outside.emr.run_job_flow({"Name": "n", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["orphans", *arguments, *PLACES[2:]])


def test_it_lists_both_sides_of_the_boundary_and_changes_nothing(outside: Outside) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "running"), DagRun(DAG, "dead", "failed")]
    launch(outside, RUN)
    dead, general = launch(outside, "dead"), launch(outside, "gone", "general")
    result = invoke()
    assert result.exit_code == 0, result.output
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == [
        f"cluster {dead} of {DAG} dead", f"cluster {general} of {DAG} gone",
    ]  # fmt: skip
    assert outside.emr.terminated == []


def test_it_takes_away_when_asked_and_only_what_is_no_live_runs(outside: Outside) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "queued")]
    launch(outside, RUN)
    dead = launch(outside, "dead")
    assert invoke("--reap").exit_code == 0
    assert outside.emr.terminated == [dead]
    assert invoke().stdout == "nothing is left that no live run owns\n"


def test_what_is_young_is_not_listed(outside: Outside) -> None:
    launch(outside, "dead")
    assert invoke("--grace-minutes", "99999999").stdout == "nothing is left that no live run owns\n"


def test_for_a_program(outside: Outside) -> None:
    dead = launch(outside, "dead")
    (told,) = json.loads(invoke("--json").stdout)
    assert told == {"kind": "cluster", "name": dead, "dag_id": DAG, "run_id": "dead",
                    "since": "2026-10-06T02:31:00+00:00"}  # fmt: skip


def test_without_airflow_nothing_is_taken_away(outside: Outside) -> None:
    launch(outside, "dead")
    outside.airflow.down = AWAY
    assert invoke("--reap").exit_code == 1
    outside.airflow.down, outside.airflow.silent = None, {"live_runs": AWAY}
    assert invoke("--reap").exit_code == 1
    assert outside.emr.terminated == []


def test_what_could_not_be_read_is_said_once_and_the_rest_is_taken_away(outside: Outside) -> None:
    dead = launch(outside, "dead")
    outside.away["store"] = AWAY
    result = invoke("--reap")
    assert result.exit_code == orphans.COULD_NOT_READ
    assert result.stderr.count("could not read: ask on it: nothing") == 1
    assert outside.emr.terminated == [dead]
    assert invoke().stdout == "nothing is left that no live run owns, in what could be read\n"


def test_what_could_not_be_taken_away_is_said(outside: Outside) -> None:
    outside.emr = FirmEmr()
    first, second = launch(outside, "dead"), launch(outside, "gone")
    result = invoke("--reap")
    assert result.exit_code == orphans.COULD_NOT_REAP
    assert f"cluster {first} of {DAG} dead" in result.stderr
    assert f"terminate a cluster on {second}" in result.stderr
