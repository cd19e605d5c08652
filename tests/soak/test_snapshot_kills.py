"""Nights of the snapshot in which something is killed at each step: table and segments as a faultless night left them.

In one night each worker dies once it has been heard, before it hears the answer; in another, scheduler and workers die
at each task's end. Airflow runs again what died.
"""

from __future__ import annotations

from collections import Counter

import pytest

import snapshots
from airflow_services import Services
from druid_reindex.plan.names import statements_prefix
from real_sandbox import SNAPSHOT, Sandbox
from snapshots import Snapshot
from watched_night import WatchedNight, active_segments

pytestmark = pytest.mark.soak

START, END = "2026-10-05", "2026-10-06"
MANY = 99
UNITS = ["define_snapshot", "load_snapshot", "unload_claims", "unload_conditions"]
# cluster_down waits for them all, but for the load, which Redshift does alone.
ENDS = (
    "plan", "unload_claims", "cluster_up", "attest", "prepare_claims", "reindex[0]", "validate", "export_snapshot",
    "load_snapshot",
)  # fmt: skip


@pytest.fixture(scope="module")
def faultless(sandbox: Sandbox, services: Services) -> tuple[Snapshot, Snapshot, int]:
    """What a night leaves that nothing happens to."""
    del services  # it takes the scheduler's place, which must not happen in the middle of this night
    night = start(sandbox)
    assert night.ended() == "success"
    left = state(sandbox)
    assert left[0]
    assert snapshots.differences(left[0], left[1]) == {}
    return left


def start(sandbox: Sandbox) -> WatchedNight:
    return WatchedNight.start(sandbox, SNAPSHOT, f"{START}/{END}")


def state(sandbox: Sandbox) -> tuple[Snapshot, Snapshot, int]:
    """What is served, what the table has, and in how many segments the day is served."""
    return snapshots.served(sandbox), snapshots.loaded(sandbox), active_segments(sandbox, SNAPSHOT, START, END)


def once(night: WatchedNight, faultless: tuple[Snapshot, Snapshot, int]) -> None:
    """A green night that did each thing once, after which everything is as a faultless one left it."""
    assert night.ended() == "success"
    assert list(night.clusters().values()) == ["TERMINATED"]
    steps = night.steps()
    assert {at for _, at in steps} == {"COMPLETED"}
    assert len(steps) == len({name for name, _ in steps}) == 4
    prefix, batches = statements_prefix(SNAPSHOT, night.identity), night.statements()
    assert [name.removeprefix(prefix).rsplit("_", 2)[0] for name, _ in batches] == UNITS
    assert {at for _, at in batches} == {"FINISHED"}
    equal(night.sandbox, faultless)


def equal(sandbox: Sandbox, faultless: tuple[Snapshot, Snapshot, int]) -> None:
    served, loaded, segments = state(sandbox)
    assert snapshots.differences(served, faultless[0]) == snapshots.differences(loaded, faultless[1]) == {}
    assert segments == faultless[2]


def test_each_worker_killed_before_it_hears_the_answer(
    sandbox: Sandbox, services: Services, faultless: tuple[Snapshot, Snapshot, int]
) -> None:
    killer = services.killers["aws"]
    killer.killed.clear()
    operations = ("BatchExecuteStatement", "RunJobFlow", "AddJobFlowSteps", "TerminateJobFlows")
    killer.operations = Counter(dict.fromkeys(operations, MANY))
    night = start(sandbox)
    try:
        once(night, faultless)
    finally:
        killer.operations.clear()
    assert Counter(killer.killed) == dict(zip(operations, (4, 1, 4, 1), strict=True))


def test_scheduler_and_workers_killed_at_each_tasks_end(
    sandbox: Sandbox, services: Services, faultless: tuple[Snapshot, Snapshot, int]
) -> None:
    night = start(sandbox)
    for ended in ENDS:
        night.until(ended, "success")
        services.kill("airflow-scheduler")
        services.start("airflow-scheduler")
    once(night, faultless)
