"""Whole nights on real engines in which a process dies at the worst instant: same segments, one cluster, nothing twice.

How long a new try took to take up what lived is told in the summary, not asserted: it depends on the machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import boto3
import pytest

from airflow_services import Services, owned_services
from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.plan import names
from real_sandbox import VITALS, Sandbox

pytestmark = pytest.mark.soak

DAY = "2026-10-05/2026-10-06"
TASKS = ("plan", "cluster_up", "reindex[0]", "cluster_down", "validate")
Measure = Callable[[str, float], None]
LIMIT_SECONDS = 900.0
POLL_SECONDS = 0.5


@pytest.fixture(scope="module")
def services(sandbox: Sandbox) -> Iterator[Services]:
    with owned_services(sandbox) as owned:
        yield owned


@dataclass
class Seen:
    """What became of one night."""

    state: str
    run: str
    clusters: list[str]
    tasks_of_druid: list[str]


def start(sandbox: Sandbox) -> str:
    return sandbox.runs(VITALS).start({"interval": DAY, "force": True})


def instances(sandbox: Sandbox, run_id: str) -> dict[str, TaskInstance]:
    runs = sandbox.runs(VITALS)
    return {each.name: each for each in sandbox.api.task_instances(runs.dag_id, run_id)}


def until(sandbox: Sandbox, run_id: str, done: Callable[[dict[str, TaskInstance]], bool]) -> None:
    """Wait until ``done`` holds of the run's task instances."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not done(found := instances(sandbox, run_id)):
        assert time.monotonic() < deadline, {name: each.state for name, each in found.items()}
        time.sleep(POLL_SECONDS)


def ended(sandbox: Sandbox, run_id: str) -> Seen:
    """The night, once it has ended, with every cluster that was launched for it and every task that was submitted."""
    runs = sandbox.runs(VITALS)
    state = runs.follow(run_id, limit_seconds=LIMIT_SECONDS)
    run = str(sandbox.api.xcom(runs.dag_id, run_id, "plan", key="night")["run_id"])
    emr = boto3.client("emr")
    described = [emr.describe_cluster(ClusterId=each["Id"])["Cluster"] for each in emr.list_clusters()["Clusters"]]
    mine = [c for c in described if {"Key": names.RUN_TAG, "Value": run} in c["Tags"]]
    assert {str(cluster["Status"]["State"]) for cluster in mine} == {"TERMINATED"}
    rows = sandbox.druid.query(
        "SELECT task_id, status FROM sys.tasks WHERE datasource = ?", [{"type": "VARCHAR", "value": VITALS}]
    )
    prefix = f"drx_{VITALS}_{run.replace('-', '')[:12]}_"
    submitted = [str(row["task_id"]) for row in rows if str(row["task_id"]).startswith(prefix)]
    return Seen(state, run, [str(cluster["Id"]) for cluster in mine], submitted)


def nothing_twice(sandbox: Sandbox, run_id: str) -> None:
    """A green night with one cluster and one Druid task, after which the day's rows are as before, in one segment."""
    seen = ended(sandbox, run_id)
    assert (seen.state, len(seen.clusters), len(seen.tasks_of_druid)) == ("success", 1, 1)
    (day,) = [row for row in sandbox.rows_by_day(VITALS) if str(row["d"]).startswith(DAY[:10])]
    assert day == BEFORE[sandbox.home.root.name]
    segments = sandbox.druid.query(
        "SELECT segment_id FROM sys.segments WHERE datasource = ? AND is_active = 1 AND is_overshadowed = 0 "
        "AND \"start\" >= '2026-10-05'",
        [{"type": "VARCHAR", "value": VITALS}],
    )
    assert len(segments) == 1


BEFORE: dict[str, dict[str, object]] = {}


@pytest.fixture(autouse=True)
def _before(sandbox: Sandbox) -> None:
    (day,) = [row for row in sandbox.rows_by_day(VITALS) if str(row["d"]).startswith(DAY[:10])]
    BEFORE.setdefault(sandbox.home.root.name, day)


def reattached_seconds(sandbox: Sandbox, run_id: str, folder: str, word: str) -> float:
    """Seconds from the start of a task's second try until its log has ``word``."""
    logs = sandbox.home.data("airflow") / "logs" / f"dag_id=nightly_reindex__{VITALS}" / f"run_id={run_id}"
    told = [json.loads(line) for line in (logs / folder / "attempt=2.log").read_text().splitlines() if line[:1] == "{"]
    at = [datetime.fromisoformat(each["timestamp"]) for each in told]
    (first, *_) = [at[n] for n, each in enumerate(told) if word in str(each.get("event"))]
    return (first - at[0]).total_seconds()


@dataclass(frozen=True)
class Kill:
    """Who is killed at which call, where its log is, and what a second try says when it has found what lives."""

    service: str
    operation: str
    task: str
    folder: str
    says: str


KILLS = (
    Kill("aws", "RunJobFlow", "cluster_up", "task_id=cluster_up", "attaching to cluster"),
    Kill("druid", "submit", "reindex[0]", "task_id=reindex/map_index=0", "attaching to task"),
    Kill("aws", "TerminateJobFlows", "cluster_down", "task_id=cluster_down", "cluster j-"),
)


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.operation)
def test_a_worker_killed_before_it_hears_the_answer(
    sandbox: Sandbox, services: Services, measured: Measure, kill: Kill
) -> None:
    killer = services.aws if kill.service == "aws" else services.druid
    killer.killed.clear()
    killer.operation = kill.operation
    run_id = start(sandbox)
    nothing_twice(sandbox, run_id)
    assert killer.killed
    assert instances(sandbox, run_id)[kill.task].try_number == 2
    measured(
        "seconds from the next try's start to its hold", reattached_seconds(sandbox, run_id, kill.folder, kill.says)
    )


def test_a_triggerer_killed_during_a_wait(sandbox: Sandbox, services: Services) -> None:
    run_id = start(sandbox)
    until(sandbox, run_id, lambda found: "reindex[0]" in found and found["reindex[0]"].state == "deferred")
    services.kill("airflow-triggerer")
    services.start("airflow-triggerer")
    nothing_twice(sandbox, run_id)


@pytest.mark.parametrize("boundary", TASKS)
def test_scheduler_and_workers_killed_at_a_task_boundary(sandbox: Sandbox, services: Services, boundary: str) -> None:
    run_id = start(sandbox)
    until(sandbox, run_id, lambda found: boundary in found and found[boundary].state == "success")
    services.kill("airflow-scheduler")
    services.start("airflow-scheduler")
    nothing_twice(sandbox, run_id)
