"""`rollback` by hand: what is shown, what is asked, what is done, and that it may be done again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DAG, DESK, PLACES, RUN, Outside
from druid_reindex.cli import rollback, runs
from druid_reindex.cli.main import app
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.model.identity import RunId, digest
from druid_reindex.plan import document, names
from druid_reindex.plan.lease import Claim
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason
from night_world import measured
from timelines import one_job, segment, span

SUBJECT = DESK.subject(DagRun(DAG, RUN, "success"))
DATASOURCE, DAY = "patient_vitals", span("09-01/09-02")
OLD = [segment(DAY, "2026-09-20", number) for number in range(2)]
NEW = one_job(DAY, 1, version="2026-10-06T02:30:00.000Z")
PASSED = {"protocol": 1, "batch": 0, "verdict": "passed", "findings": []}


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    """A green night whose one batch passed, and whose old segments are out of service by now."""
    made = Outside().connect(monkeypatch, rollback, runs)
    made.airflow.runs = [DagRun(DAG, RUN, "success")]
    made.druid.segments = [*NEW, *OLD]
    made.druid.mark_unused(DATASOURCE, [each.segment_id for each in OLD])
    made.druid.answers = measured(lambda _sql: 20, made.druid)
    body = document.to_json(
        NightPlan(DATASOURCE, 1, (Batch(0, (Chunk(DAY, tuple(OLD), (Reason.FRAGMENTED,), 1),), 1),), "1")
    )
    made.store.put(names.plan_uri(SUBJECT.boundary, SUBJECT.run_id), body, kms_key_arn="k")
    records: dict[Any, dict[str, Any]] = {
        names.before_uri: {"served": {str(DAY): {"COUNT(*)": 20, "events": 20}}},
        names.result_uri: {"after": {str(DAY): [each.segment_id for each in NEW]}},
        names.verdict_uri: PASSED,
    }
    for uri, record in records.items():
        told = json.dumps(record | {"plan_sha256": digest(body)}).encode()
        made.store.put(uri(SUBJECT.boundary, SUBJECT.run_id, 0), told, kms_key_arn="k")
    monkeypatch.setattr(rollback.time, "sleep", lambda _seconds: None)
    return made


def invoke(*arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(app, ["rollback", *arguments, *PLACES], input=said)


def used(outside: Outside) -> set[str]:
    return {each.segment_id for each in outside.druid.segments}


def test_a_green_night_is_taken_back_after_a_yes_and_the_lease_is_given_back(outside: Outside) -> None:
    result = invoke(DATASOURCE, said="y\n")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "batch 0: 1 segments out, 2 put back",
        f"  {DAY}  will serve 2026-09-20  20 rows",
        "Take these chunks back? [y/N]: y",
        "nothing of it runs on Druid, EMR or Redshift",
        "batch 0: 1 of 1 segments marked unused",
        "batch 0: 2 of 2 segments marked used",
        f"{DAY} serves 2026-09-20, 20 rows: the answer equals the recorded one",
        f"safe next: druid-reindex status {RUN} --dag-id {DAG}",
    ]
    assert used(outside) == {each.segment_id for each in OLD}
    lease = LeaseShelf(outside.store, SUBJECT.boundary, DATASOURCE).read()
    assert lease is not None
    assert lease.is_given_back


def test_a_no_changes_nothing(outside: Outside) -> None:
    result = invoke(RUN, said="n\n")
    assert result.exit_code == 1
    assert "nothing was changed" in result.stderr
    assert used(outside) == {each.segment_id for each in NEW}
    assert LeaseShelf(outside.store, SUBJECT.boundary, DATASOURCE).read() is None


def test_a_second_time_says_what_serves(outside: Outside) -> None:
    first = invoke(RUN, "--yes")
    again = invoke(RUN, "--yes")
    assert (first.exit_code, again.exit_code) == (0, 0), again.output
    assert "the answer equals the recorded one" in again.stdout


def test_a_night_that_left_nothing_is_left_alone(outside: Outside) -> None:
    outside.druid.segments = list(OLD)
    result = invoke(RUN, "--yes")
    assert result.exit_code == 0
    assert "there is nothing to take back" in result.stdout


def test_a_run_that_lives_is_refused(outside: Outside) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "running")]
    result = invoke(RUN, "--yes")
    assert result.exit_code == 1
    assert "take a run back" in result.stderr
    assert used(outside) == {each.segment_id for each in NEW}


def test_a_batch_that_the_plan_does_not_have_is_refused(outside: Outside) -> None:
    result = invoke(RUN, "--yes", "--batch", "3")
    assert result.exit_code == 1
    assert "the plan has [0]" in result.stderr


def test_a_run_that_was_never_planned_is_refused(outside: Outside) -> None:
    outside.store.delete(names.plan_uri(SUBJECT.boundary, SUBJECT.run_id))
    result = invoke(RUN, "--yes")
    assert result.exit_code == 1
    assert "no plan" in result.stderr


def test_while_another_run_holds_the_lease_nothing_is_done(outside: Outside) -> None:
    other = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="another")
    LeaseKeeper(outside.store, SUBJECT.boundary, Claim(DATASOURCE, other, DESK.boundaries.deployment_id)).hold()
    result = invoke(RUN, "--yes")
    assert result.exit_code == 1
    assert "another" in result.stderr
    assert used(outside) == {each.segment_id for each in NEW}


def test_a_chunk_that_somebody_else_wrote_since_is_named_and_left(outside: Outside) -> None:
    theirs = one_job(DAY, 1, version="2026-10-07")
    outside.druid.segments += theirs
    result = invoke(RUN, "--yes")
    assert f"{theirs[0].segment_id}: neither the run's nor from before, so it stays" in result.stdout
    assert "there is nothing to take back" in result.stdout
    assert theirs[0].segment_id in used(outside)


def test_what_does_not_load_in_time_is_said_and_the_lease_given_back(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback, "WAIT_SECONDS", 0.0)
    outside.druid.segments_left = [4]
    result = invoke(RUN, "--yes")
    assert result.exit_code == 1
    assert "4 segments left to load" in result.stderr
    lease = LeaseShelf(outside.store, SUBJECT.boundary, DATASOURCE).read()
    assert lease is not None
    assert lease.is_given_back
