"""`abort`, `resume` and `hold`: what is done, in which order, and that it may be done again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DAG, DESK, PLACES, RUN, Outside, task
from druid_reindex.cli import runs
from druid_reindex.cli.main import app
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.groups import GroupShelf
from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.clients.suspensions import Suspender, SuspensionShelf
from druid_reindex.errors import FencedOutError
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.suspension import Suspension
from druid_reindex.model.writers import Supervisor
from druid_reindex.plan import document, names
from druid_reindex.plan.lease import Claim
from druid_reindex.plan.night import Batch, Chunk, NightPlan

SUBJECT = DESK.subject(DagRun(DAG, RUN, "running"))
DATASOURCE = "patient_vitals"
CLAIM = Claim(DATASOURCE, SUBJECT.run_id, DESK.boundaries.deployment_id)
NIGHT = [task("plan"), task("approve"), task("cluster_up"), *(task("reindex", "failed", i) for i in (0, 1, 2)),
         task("cluster_down"), task("validate", "failed"), task("rollback", "skipped"),
         task("verdict", "failed")]  # fmt: skip


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    """A live run with a Druid task and a cluster; each pause lets EMR move on."""
    made = Outside().connect(monkeypatch, runs)
    made.airflow.runs = [DagRun(DAG, RUN, "running")]
    made.airflow.tasks = NIGHT

    def pause(_seconds: float) -> None:
        for cluster_id in made.emr.clusters:
            made.emr.describe_cluster(cluster_id)

    monkeypatch.setattr(runs.time, "sleep", pause)
    return made


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, *PLACES])


def lease(outside: Outside) -> Any:
    return LeaseShelf(outside.store, SUBJECT.boundary, DATASOURCE).read()


def keeper(outside: Outside, claim: Claim = CLAIM) -> LeaseKeeper:
    return LeaseKeeper(outside.store, SUBJECT.boundary, claim)


def at_work(outside: Outside) -> tuple[str, str]:
    """The ids of a Druid task and a cluster of the run, which holds its lease."""
    keeper(outside).hold()
    task_id = f"{names.task_prefix(DATASOURCE, SUBJECT.run_id)}0_x_g1"
    spec = {"dataSchema": {"dataSource": DATASOURCE}}
    tags = [{"Key": key, "Value": value} for key, value in names.run_tags(SUBJECT.run_id).items()]
    cluster_id = outside.emr.run_job_flow({"Name": "n", "Tags": tags})
    return outside.druid.submit_task({"id": task_id, "spec": spec}), cluster_id


def plan(outside: Outside, *done: int) -> None:
    """A stored plan of three batches, of which ``done`` left their results."""
    day = Interval.parse("2026-09-01/2026-09-02")
    batches = tuple(Batch(number, (Chunk(day, (), (), 1),), 1) for number in range(3))
    body = document.to_json(NightPlan(DATASOURCE, 3, batches, "three"))
    outside.store.put(names.plan_uri(SUBJECT.boundary, SUBJECT.run_id), body, kms_key_arn="k")
    for number in done:
        record = json.dumps({"plan_sha256": digest(body), "after": {}}).encode()
        outside.store.put(names.result_uri(SUBJECT.boundary, SUBJECT.run_id, number), record, kms_key_arn="k")
    outside.airflow.xcoms["plan", "night"] = {"batches": [0, 1, 2]}
    outside.airflow.runs = [DagRun(DAG, RUN, "failed")]


def test_abort_ends_everything_and_gives_the_lease_back(outside: Outside) -> None:
    task_id, cluster_id = at_work(outside)
    result = invoke("abort", DATASOURCE, "--reason", "a test")
    assert result.exit_code == 0, result.output
    assert outside.airflow.did == [(RUN, "failed")]  # the verdict had failed
    assert task_id in outside.druid.ended
    assert outside.emr.terminated == [cluster_id]
    assert lease(outside).is_given_back
    assert lease(outside).broken.reason == "a test"
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        f"marked run {RUN} of {DAG} as failed (it was running)",
        "its lease is broken",
        f"stopping task {task_id}",
        f"terminating cluster {cluster_id} (n)",
        f"waiting for {cluster_id} to end",
        "nothing of it runs on Druid, EMR or Redshift",
        "gave its lease back",
        "safe next",
    ]


def test_an_aborted_run_leaves_the_cluster_to_the_run_that_shares_it(outside: Outside) -> None:
    keeper(outside).hold()
    other = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="another")
    shelf = GroupShelf(outside.store, SUBJECT.boundary, "nightly-1")
    for run_id in (SUBJECT.run_id, other):
        shelf.join(DESK.boundaries.deployment_id, run_id)
    tags = names.run_tags(SUBJECT.run_id) | {names.GROUP_TAG: "nightly-1", names.GENERATION_TAG: "1"}
    outside.emr.run_job_flow({"Name": "n", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})
    result = invoke("abort", RUN)
    assert result.exit_code == 0, result.output
    assert f"left group nightly-1, which is still used by: {DAG} another" in result.output
    assert outside.emr.terminated == []
    group = shelf.read()
    assert group is not None
    assert [member.run for member in group.members] == [other]
    assert lease(outside).is_given_back


def test_an_aborted_run_is_over_and_red_though_airflow_would_wait_for_its_teardown(outside: Outside) -> None:
    ended = {"plan", "approve", "cluster_up"}
    outside.airflow.tasks = [each if each.task_id in ended else replace(each, state="none") for each in NIGHT]
    assert invoke("abort", RUN).exit_code == 0
    assert outside.airflow.did == [
        (RUN, "failed"), ("verdict", "failed"), ("cluster_down", "skipped"), (RUN, "failed"),
    ]  # fmt: skip
    states = {each.task_id: each.state for each in outside.airflow.tasks}
    assert (outside.airflow.runs[0].state, states["verdict"]) == ("failed", "failed")


@pytest.mark.parametrize("whose", [RUN, "another"])
def test_abort_resumes_what_the_run_has_suspended_and_only_that(outside: Outside, whose: str) -> None:
    at_work(outside)
    outside.druid.supervisors = [Supervisor("s0", is_suspended=False)]
    run = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id=whose)
    shelf = SuspensionShelf(outside.store, SUBJECT.boundary, DATASOURCE)
    mine = Suspension(DATASOURCE, DESK.boundaries.deployment_id, run, 1, "druid_phi")
    Suspender(shelf, outside.druid, mine, lambda _said: None).suspend(["s0"], lambda: None)
    result = invoke("abort", RUN)
    assert result.exit_code == 0, result.output
    told = [line for line in result.stdout.splitlines() if "supervisor" in line or line.startswith("gave")]
    resumed = ["resuming supervisor s0"] if whose == RUN else []
    assert told == [*resumed, "gave its lease back"]
    assert outside.druid.supervisors[0].is_suspended is not bool(resumed)


def test_abort_again_does_nothing_again(outside: Outside) -> None:
    _, cluster_id = at_work(outside)
    assert invoke("abort", RUN).exit_code == 0
    given_back = lease(outside)
    again = invoke("abort", RUN)
    assert again.exit_code == 0
    assert outside.airflow.did == [(RUN, "failed")]
    assert outside.emr.terminated == [cluster_id]
    assert lease(outside) == given_back
    assert "is failed: nothing to mark" in again.stdout
    assert "no lease to give back" in again.stdout


def test_what_the_run_still_does_is_fenced_out_while_it_is_ended(outside: Outside) -> None:
    at_work(outside)
    seen: list[bool] = []

    def submit_once_more(_seconds: float) -> None:
        with pytest.raises(FencedOutError):
            keeper(outside).require()
        seen.append(True)
        for cluster_id in outside.emr.clusters:
            outside.emr.describe_cluster(cluster_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs.time, "sleep", submit_once_more)
        assert invoke("abort", RUN).exit_code == 0
    assert seen


def test_what_arrives_late_of_a_live_run_is_ended_too(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[str] = []
    task_id = f"{names.task_prefix(DATASOURCE, SUBJECT.run_id)}0_x_g1"
    late_one = {"id": task_id, "spec": {"dataSchema": {"dataSource": DATASOURCE}}}
    monkeypatch.setattr(runs.time, "sleep", lambda _: late.append(outside.druid.submit_task(late_one)))
    assert invoke("abort", RUN).exit_code == 0
    assert late[0] in outside.druid.ended


def test_the_lease_of_another_run_is_left_alone(outside: Outside) -> None:
    other = replace(CLAIM, owner=DESK.subject(DagRun(DAG, "scheduled__2", "running")).run_id)
    held = keeper(outside, other).hold()
    assert invoke("abort", RUN).exit_code == 0
    assert lease(outside) == held


def test_what_does_not_end_in_time_keeps_the_lease_broken(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    _, cluster_id = at_work(outside)
    monkeypatch.setattr(runs.time, "sleep", lambda _seconds: None)
    result = invoke("abort", RUN, "--wait-seconds", "0")
    assert result.exit_code == 1
    assert cluster_id in result.stderr
    assert not lease(outside).is_given_back
    assert lease(outside).broken is not None


def test_abort_of_a_run_that_airflow_has_lost_ends_what_it_left(outside: Outside) -> None:
    _, cluster_id = at_work(outside)
    outside.airflow.runs = []
    assert invoke("abort", RUN, "--dag-id", DAG).exit_code == 0
    assert outside.emr.terminated == [cluster_id]


@pytest.mark.parametrize(
    ("first", "done", "cleared"),
    [
        (0, (), ["cluster_up", "reindex", "cluster_down", "validate", "rollback", "verdict"]),
        (1, (0,), ["cluster_up", ("reindex", 1), ("reindex", 2), "cluster_down", "validate", "rollback", "verdict"]),
        (2, (0, 1), ["cluster_up", ("reindex", 2), "cluster_down", "validate", "rollback", "verdict"]),
        (3, (0, 1, 2), ["cluster_down", "validate", "rollback", "verdict"]),
    ],
)
def test_resume_clears_from_the_batch_on(
    outside: Outside, first: int, done: tuple[int, ...], cleared: list[Any]
) -> None:
    plan(outside, *done)
    result = invoke("resume", RUN, "--from-batch", str(first))
    assert result.exit_code == 0, result.output
    assert outside.airflow.did == [("clear", *cleared)]
    assert f"cleared in run {RUN}" in result.stdout


def test_a_batch_is_not_its_map_index_when_only_some_were_asked_for() -> None:
    night = {"batches": [1, 4]}
    assert runs.from_batch_on(4, night, NIGHT)[1:2] == [("reindex", 1)]
    unmapped = [each for each in NIGHT if each.task_id != "reindex"]
    assert runs.from_batch_on(4, night, [*unmapped, task("reindex", "upstream_failed")])[1:2] == ["reindex"]


def test_a_gated_night_is_attested_again_on_its_new_cluster() -> None:
    cleared = runs.from_batch_on(0, {"batches": [0]}, [task("posture"), *NIGHT, task("attest")])
    assert cleared[:2] == ["cluster_up", "attest"]
    assert "attest" not in runs.from_batch_on(1, {"batches": [0]}, [*NIGHT, task("attest")])


def test_a_night_that_moves_tables_unloads_before_and_loads_after() -> None:
    tasks = [*NIGHT, task("unload_claims"), task("load_snapshot", "upstream_failed")]
    assert runs.from_batch_on(0, {"batches": [0, 1, 2]}, tasks) == [
        "unload_claims", "cluster_up", "reindex", "cluster_down", "validate", "rollback", "load_snapshot", "verdict",
    ]  # fmt: skip


def test_abort_cancels_what_redshift_runs(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper(outside).hold()
    name = names.statement_name(DATASOURCE, SUBJECT.run_id, "unload_claims", digest="0" * 8, generation=1)
    statement_id = outside.redshift.submit(name, ["SELECT 1"], token="a")
    monkeypatch.setattr(Pipeline, "moves_tables", True)
    result = invoke("abort", DATASOURCE)
    assert result.exit_code == 0, result.output
    assert f"cancelling statement {statement_id} ({name})" in result.stdout
    assert outside.redshift.batches[statement_id].state.value == "ABORTED"


def test_resume_without_a_batch_plans_anew(outside: Outside) -> None:
    plan(outside)
    outside.airflow.paused = {DAG}
    result = invoke("resume", RUN)
    assert outside.airflow.did == [
        ("clear", "plan", "approve", "cluster_up", "reindex", "cluster_down", "validate", "rollback", "verdict")
    ]
    assert f"druid-reindex hold {DAG} --release" in result.stdout


@pytest.mark.parametrize(
    ("first", "done", "says"),
    [
        (2, (0,), "batches [1] have left no result. What to do: resume from batch 1"),
        (1, (1, 2), "batches [0] have left no result"),
        (9, (0, 1, 2), "the run has [0, 1, 2]"),
    ],
)
def test_resume_is_refused_where_an_earlier_batch_has_no_result(
    outside: Outside, first: int, done: tuple[int, ...], says: str
) -> None:
    plan(outside, *done)
    result = invoke("resume", RUN, "--from-batch", str(first))
    assert (result.exit_code, outside.airflow.did) == (1, [])
    assert says in result.stderr


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_live_run_is_not_resumed(outside: Outside, state: str) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, state)]
    result = invoke("resume", RUN)
    assert (result.exit_code, outside.airflow.did) == (1, [])
    assert f"it is {state}" in result.stderr


def test_a_run_without_a_plan_is_planned_anew_only(outside: Outside) -> None:
    plan(outside)
    outside.airflow.tasks = [task("plan"), task("approve", "skipped"), task("verdict", "failed")]
    result = invoke("resume", RUN, "--from-batch", "0")
    assert (result.exit_code, outside.airflow.did) == (1, [])
    assert "approve is not done" in result.stderr
    outside.airflow.xcoms, outside.airflow.tasks = {}, NIGHT
    assert "plan is not done" in invoke("resume", RUN, "--from-batch", "0").stderr


def test_a_run_that_airflow_has_lost_is_not_resumed(outside: Outside) -> None:
    result = invoke("resume", "manual__9", "--dag-id", DAG)
    assert result.exit_code == 1
    assert "Airflow does not know it" in result.stderr


def test_hold_and_release(outside: Outside) -> None:
    held = invoke("hold", DATASOURCE)
    assert outside.airflow.paused == {DAG}
    assert f"{DAG} is on hold" in held.stdout
    assert f"run {RUN} is running, and starts no further task" in held.stdout
    assert f"druid-reindex abort {RUN}" in held.stdout
    assert f"{DAG} is already on hold" in invoke("hold", DATASOURCE).stdout
    released = invoke("hold", DATASOURCE, "--release")
    assert outside.airflow.paused == set()
    assert f"{DAG} is released" in released.stdout
    assert f"run {RUN} is running, and goes on" in released.stdout


def test_a_dag_that_airflow_has_not_parsed_cannot_be_held(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside.airflow, "dag", lambda _dag_id: None)
    result = invoke("hold", DATASOURCE)
    assert result.exit_code == 1
    assert "Airflow does not know it" in result.stderr


def test_the_lease_is_broken_by_a_person_with_a_name(outside: Outside) -> None:
    at_work(outside)
    before = datetime.now(UTC)
    invoke("abort", RUN)
    assert lease(outside).broken.by
    assert lease(outside).broken.at >= before
