"""`purge`: what is asked, started and followed, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DAG, DESK, PLACES, RUN, Outside
from druid_reindex.cli import purge
from druid_reindex.cli.main import app
from druid_reindex.clients.airflow import DagRun
from druid_reindex.plan import names

KEYS = "s3://drx-phi-111122223333/runs/keys/one.txt"
DATASOURCE = "patient_vitals"
NIGHT: dict[str, Any] = {
    "batches": [0, 1], "purge": {"uri": KEYS, "etag": "e", "column": "patient_token"}
}  # fmt: skip


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    """A purge of two batches that ends well as soon as it is started."""
    made = Outside().connect(monkeypatch, purge)
    made.airflow.ending = "success"
    made.airflow.started = lambda run_id: left(made, run_id)
    monkeypatch.setattr(purge.time, "sleep", lambda _seconds: None)
    return made


def left(outside: Outside, run_id: str, batches: int = 2) -> None:
    """What the run leaves of its batches."""
    outside.airflow.xcoms["plan", "night"] = NIGHT
    subject = DESK.subject(DagRun(DAG, run_id, "success"))
    told = {"keys": 3, "rows_with": {"a": 2, "b": 1}, "rows_without": {"a": 1000, "b": 0}, "rows_left": 0}
    for number in range(batches):
        body = json.dumps({"purge": told}).encode()
        outside.store.put(names.result_uri(subject.boundary, subject.run_id, number), body, kms_key_arn="k")


def invoke(*options: str, said: str = "", key_file: str = KEYS, column: str = "patient_token") -> Result:
    asked = ["purge", DATASOURCE, "--key-file", key_file, "--column", column]
    return CliRunner().invoke(app, [*asked, *options, *PLACES], input=said)


def test_after_a_yes_a_run_is_started_followed_and_told(outside: Outside) -> None:
    result = invoke(said="y\n")
    assert result.exit_code == 0, result.output
    (started,) = [each for each in outside.airflow.did if each[0] == "trigger"]
    conf = {"reason": f"purge by {KEYS}", "purge": {"key_file": KEYS, "column": "patient_token"}}
    assert started[-1] == conf
    assert "2 of 2 batches rebuilt without 3 keys: 6 rows left out, 2,000 kept, 0 of the keys" in result.stdout


def test_a_no_starts_nothing(outside: Outside) -> None:
    result = invoke(said="n\n")
    assert (result.exit_code, outside.airflow.did) == (1, [])
    assert "nothing was changed" in result.stderr


def test_given_again_it_tells_of_the_same_run(outside: Outside) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "success")]
    left(outside, RUN)
    result = invoke()
    assert result.exit_code == 0, result.output
    assert outside.airflow.did == []
    assert "6 rows left out" in result.stdout


def test_a_run_that_failed_is_red_and_given_again_it_is_started_anew(outside: Outside) -> None:
    outside.airflow.ending = "failed"
    outside.airflow.started = lambda run_id: left(outside, run_id, batches=1)
    result = invoke("--yes")
    assert result.exit_code == 1
    assert "1 of 2 batches rebuilt without 3 keys" in result.stdout
    assert "batches that passed stay as they are" in result.stderr
    outside.airflow.ending = "success"
    assert invoke("--yes").exit_code == 0
    assert len(outside.airflow.did) == 2


def test_while_another_run_is_live_nothing_is_started(outside: Outside) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "running")]
    result = invoke("--yes")
    assert result.exit_code == 1
    assert "druid-reindex abort" in result.stderr
    assert outside.airflow.did == []


def test_a_purge_by_another_file_is_another_purge(outside: Outside) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "success")]
    outside.airflow.xcoms["plan", "night"] = NIGHT | {"purge": NIGHT["purge"] | {"uri": f"{KEYS}.gz"}}
    assert invoke("--yes").exit_code == 0
    assert len(outside.airflow.did) == 1


def test_what_is_no_address_is_not_repeated(outside: Outside) -> None:
    result = invoke("--yes", key_file="SECRET-TOKEN")
    assert result.exit_code == 1
    assert "SECRET-TOKEN" not in result.output + result.stderr
    assert outside.airflow.did == []


def test_a_column_that_is_no_dimension_is_refused_before_anything_is_started(outside: Outside) -> None:
    result = invoke("--yes", column="patient")
    assert result.exit_code == 1
    assert "no dimension of the column's name" in result.stderr
    assert outside.airflow.did == []


def test_a_run_without_batches_says_that_nothing_was_looked_for(outside: Outside) -> None:
    outside.airflow.started = lambda _run_id: outside.airflow.xcoms.update({("plan", "night"): NIGHT | {"batches": []}})
    result = invoke("--yes")
    assert "no row of the keys was looked for" in result.stdout
