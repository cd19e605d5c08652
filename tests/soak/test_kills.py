"""Whole nights on real engines in which a process dies at the worst instant: same segments, one cluster, nothing twice.

How long a new try took to take up what lived is told in the summary, not asserted: it depends on the machine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from airflow_services import Services
from real_sandbox import VITALS, Sandbox
from watched_night import WatchedNight, active_segments

pytestmark = pytest.mark.soak

START, END = "2026-10-05", "2026-10-06"
TASKS = ("plan", "cluster_up", "reindex[0]", "cluster_down", "validate")
Measure = Callable[[str, float], None]


def start(sandbox: Sandbox) -> WatchedNight:
    return WatchedNight.start(sandbox, VITALS, f"{START}/{END}")


def the_day(sandbox: Sandbox) -> dict[str, object]:
    """The day's rows and sums."""
    (day,) = [row for row in sandbox.rows_by_day(VITALS) if str(row["d"]).startswith(START)]
    return day


@pytest.fixture(scope="module")
def before(sandbox: Sandbox) -> dict[str, object]:
    return the_day(sandbox)


def nothing_twice(night: WatchedNight, before: dict[str, object]) -> None:
    """A green night with one cluster and one Druid task, after which the day's rows are as before, in one segment."""
    state = night.ended()
    assert (state, list(night.clusters().values()), len(night.druid_tasks())) == ("success", ["TERMINATED"], 1)
    assert the_day(night.sandbox) == before
    assert active_segments(night.sandbox, VITALS, START, END) == 1


def reattached_seconds(night: WatchedNight, folder: str, word: str) -> float:
    """Seconds from the start of a task's second try until its log has ``word``."""
    logs = night.sandbox.home.data("airflow") / "logs" / f"dag_id={night.dag_id}" / f"run_id={night.run_id}"
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
    sandbox: Sandbox, services: Services, before: dict[str, object], measured: Measure, kill: Kill
) -> None:
    killer = services.killers[kill.service]
    killer.killed.clear()
    killer.operations = Counter({kill.operation: 1})
    night = start(sandbox)
    nothing_twice(night, before)
    assert killer.killed == [kill.operation]
    assert night.instances()[kill.task].try_number == 2
    measured("seconds from the next try's start to its hold", reattached_seconds(night, kill.folder, kill.says))


def test_a_triggerer_killed_during_a_wait(sandbox: Sandbox, services: Services, before: dict[str, object]) -> None:
    night = start(sandbox)
    night.until("reindex[0]", "deferred")
    services.kill("airflow-triggerer")
    services.start("airflow-triggerer")
    nothing_twice(night, before)


@pytest.mark.parametrize("boundary", TASKS)
def test_scheduler_and_workers_killed_at_a_task_boundary(
    sandbox: Sandbox, services: Services, before: dict[str, object], boundary: str
) -> None:
    night = start(sandbox)
    night.until(boundary, "success")
    services.kill("airflow-scheduler")
    services.start("airflow-scheduler")
    nothing_twice(night, before)
