"""Two runs that want one datasource, on real engines: one works, the other says for whom it waits; dead ones end."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import boto3
import pytest

from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.clients.emr import EmrClient
from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.clients.s3 import S3Client
from druid_reindex.model.cluster import ClusterState
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan import emr as payloads
from druid_reindex.plan import names
from druid_reindex.plan.lease import Claim
from druid_reindex.sandbox.airflow import connections
from own_airflow import told_by
from real_sandbox import ROOT, VITALS, Sandbox

pytestmark = pytest.mark.soak

BOUNDARIES = load_boundaries(ROOT / "emr_configs")
PIPELINE = load_pipeline(ROOT / "dags" / "pipelines" / f"{VITALS}.yaml", BOUNDARIES)
OTHER_DEPLOYMENT = UUID(int=9)
OTHER = RunId.of(OTHER_DEPLOYMENT, dag_id="theirs", run_id="manual__elsewhere")
REASON = "two at once"
LIMIT_SECONDS = 900.0
QUIET_LOOKS = 5


def keeper() -> LeaseKeeper:
    """The other deployment's hold on the datasource."""
    return LeaseKeeper(S3Client(boto3.Session()), BOUNDARIES.phi, Claim(VITALS, OTHER, OTHER_DEPLOYMENT))


def _falls_silent() -> None:
    """The other deployment's lease has ended an hour ago."""
    ended = datetime.now(UTC) - timedelta(hours=1)
    shelf = LeaseShelf(S3Client(boto3.Session()), BOUNDARIES.phi, VITALS)
    shelf.swap(lambda lease: replace(lease, until=ended) if lease else None)


@pytest.fixture(autouse=True)
def quiet(sandbox: Sandbox) -> None:
    """No run is alive: once a backfill is over, Airflow starts the night whose hour it had let pass."""
    dag_id, deadline = sandbox.runs(VITALS).dag_id, time.monotonic() + LIMIT_SECONDS
    looks = 0
    while looks < QUIET_LOOKS:
        looks = 0 if sandbox.api.live_runs(dag_id) else looks + 1
        assert time.monotonic() < deadline
        time.sleep(1)


def plan_of(sandbox: Sandbox, run_id: str, state: str) -> TaskInstance:
    """The run's ``plan``, once it is in ``state``."""
    deadline = time.monotonic() + LIMIT_SECONDS
    dag_id = sandbox.runs(VITALS).dag_id
    while True:
        for task in sandbox.api.task_instances(dag_id, run_id):
            if (task.name, task.state) == ("plan", state):
                return task
        assert time.monotonic() < deadline
        time.sleep(0.5)


def log_of(sandbox: Sandbox, run_id: str, task: TaskInstance) -> str:
    return "\n".join(sandbox.api.log(sandbox.runs(VITALS).dag_id, run_id, task))


def test_a_manual_run_waits_for_a_backfill(sandbox: Sandbox) -> None:
    runs = sandbox.runs(VITALS)
    assert runs.follow(runs.start({"dry_run": True})) == "success"
    body = {
        "dag_id": runs.dag_id,
        "from_date": "2026-09-10T00:00:00Z",
        "to_date": "2026-09-11T00:00:00Z",
        "dag_run_conf": {"reason": REASON},
        "run_on_latest_version": True,
    }
    sandbox.api._ask("POST", "/api/v2/backfills", json=body)
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (live := [run for run in sandbox.api.live_runs(runs.dag_id) if run.run_id.startswith("backfill")]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    backfill = live[0].run_id
    plan_of(sandbox, backfill, "success")
    manual = runs.start({"interval": "2026-09-20/2026-09-21", "force": True})
    waiting = plan_of(sandbox, manual, "deferred")
    assert f"run {backfill}" in log_of(sandbox, manual, waiting)
    assert runs.follow(backfill, limit_seconds=LIMIT_SECONDS) == "success"
    assert runs.follow(manual, limit_seconds=LIMIT_SECONDS) == "success"


def test_a_run_waits_for_another_deployments(sandbox: Sandbox) -> None:
    runs, theirs = sandbox.runs(VITALS), keeper()
    theirs.hold()
    run_id = runs.start({"interval": "2026-09-20/2026-09-21", "force": True})
    waiting = plan_of(sandbox, run_id, "deferred")
    assert f"deployment {OTHER_DEPLOYMENT}" in log_of(sandbox, run_id, waiting)
    assert theirs.release() is None
    assert runs.follow(run_id, limit_seconds=LIMIT_SECONDS) == "success"


def test_a_second_airflow_waits_for_the_first(sandbox: Sandbox, tmp_path: Path) -> None:
    """Another installation, with its own database and deployment id, wants the day that a run here rebuilds."""
    other = tmp_path / "checkout"
    shutil.copytree(sandbox.checkout, other)
    boundaries = other / "emr_configs" / "boundaries.yaml"
    boundaries.write_text(boundaries.read_text().replace(str(BOUNDARIES.deployment_id), str(OTHER_DEPLOYMENT)))
    runs = sandbox.runs(VITALS)
    here = runs.start({"interval": "2026-09-20/2026-09-21", "force": True})
    plan_of(sandbox, here, "success")
    home = tmp_path / "airflow"
    home.mkdir()
    told = told_by("run_elsewhere.py", home, connections(sandbox.home, sandbox.endpoints), dags=other / "dags")
    assert told["state"] == "success"
    assert runs.follow(here, limit_seconds=LIMIT_SECONDS) == "success"
    (verdict,) = [task for task in sandbox.api.task_instances(runs.dag_id, here) if task.name == "verdict"]
    assert verdict.ended_at is not None
    assert verdict.ended_at < datetime.fromisoformat(told["plan_ended_at"])
    left = LeaseShelf(S3Client(boto3.Session()), BOUNDARIES.phi, VITALS).read()
    assert left is not None
    assert (left.deployment_id, left.is_given_back) == (str(OTHER_DEPLOYMENT), True)


def test_what_a_dead_deployment_left_is_ended_before_the_next_plan(sandbox: Sandbox) -> None:
    """Its lease has ended, its cluster and its task live."""
    emr = EmrClient(boto3.Session())
    keeper().hold()
    _falls_silent()
    profile = load_profile(ROOT / "emr_configs", PIPELINE.cluster.profile)
    cluster_id = emr.run_job_flow(payloads.run_job_flow(PIPELINE, BOUNDARIES, BOUNDARIES.phi, profile, OTHER))
    task_id = names.task_id(PIPELINE, OTHER, batch=0, digest="0" * 64, generation=1)
    sandbox.druid.submit_task({"type": "noop", "id": task_id, "dataSource": VITALS, "runTime": 3_600_000})
    runs = sandbox.runs(VITALS)
    run_id = runs.start({"interval": "2026-09-20/2026-09-21", "force": True})
    assert runs.follow(run_id, limit_seconds=LIMIT_SECONDS) == "success"
    assert emr.describe_cluster(cluster_id).state is ClusterState.TERMINATED
    assert sandbox.druid.task_status(task_id).state is TaskState.FAILED
    left = LeaseShelf(S3Client(boto3.Session()), BOUNDARIES.phi, VITALS).read()
    assert left is not None
    assert (left.run_id, left.is_given_back, left.displaced) == (run_id, True, ())
