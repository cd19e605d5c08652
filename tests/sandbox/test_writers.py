"""Who else writes a datasource, as the nights' own user learns it from the real Druid."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

import httpx
import pytest

from druid_reindex.clients.druid_http import client_arguments
from druid_reindex.clients.suspensions import Suspender, SuspensionShelf
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.suspension import Suspension
from druid_reindex.model.writers import Supervisor, Writers
from druid_reindex.sandbox.druid_security import admin_config
from native_night import ingestion, rows, settings_of
from real_sandbox import SMOKE, Sandbox
from timelines import boundaries
from twins import FakeStore

pytestmark = pytest.mark.sandbox

SUPERVISOR = "/druid/indexer/v1/supervisor"
COMPACTION = "/druid/coordinator/v1/config/compaction"
LIMIT_SECONDS = 120.0


def asked(sandbox: Sandbox, method: str, path: str, body: object = None) -> None:
    """Ask the Coordinator as Druid's administrator."""
    config = admin_config(sandbox.home, sandbox.endpoints)
    with httpx.Client(**client_arguments(config), base_url=config.coordinator_url) as coordinator:
        coordinator.request(method, path, json=body).raise_for_status()


def test_a_task_is_told_while_it_runs_and_once_it_has_succeeded(sandbox: Sandbox) -> None:
    before, task_id = datetime.now(UTC), f"theirs_{uuid.uuid4()}"
    earlier = sandbox.druid.writers(SMOKE, since=before)  # another test's, a minute ago
    assert earlier == Writers(succeeded=earlier.succeeded)
    sandbox.druid.submit_task({"type": "noop", "id": task_id, "dataSource": SMOKE, "runTime": 2_000})
    assert sandbox.druid.writers(SMOKE) == Writers(active=(task_id,))
    deadline = time.monotonic() + LIMIT_SECONDS
    while not sandbox.druid.task_status(task_id).state.is_ended:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    later = sandbox.druid.writers(SMOKE, since=before)
    assert set(later.succeeded) == {*earlier.succeeded, task_id}
    assert later == Writers(succeeded=later.succeeded)
    assert sandbox.druid.writers(SMOKE) == Writers()


def test_automatic_compaction_is_told(sandbox: Sandbox) -> None:
    asked(sandbox, "POST", COMPACTION, {"dataSource": SMOKE, "skipOffsetFromLatest": "P9999D"})
    try:
        assert sandbox.druid.writers(SMOKE) == Writers(is_compacted=True)
    finally:
        asked(sandbox, "DELETE", f"{COMPACTION}/{SMOKE}")
    assert sandbox.druid.writers(SMOKE) == Writers()


def test_a_supervisor_and_its_history_are_told_and_one_that_runs_on_is_left_alone(sandbox: Sandbox) -> None:
    """Of the one kind that Druid has without an extension, asked as the nights' own user: it runs no tasks.

    Druid answers that it is suspended, and keeps a version; but this kind runs on whatever it is told.
    """
    name, store, druid = f"theirs_{uuid.uuid4()}", FakeStore(), sandbox.druid
    asked(sandbox, "POST", SUPERVISOR, {"type": "NoopSupervisorSpec", "id": name, "dataSources": [SMOKE]})
    try:
        assert druid.writers(SMOKE).supervisors == (Supervisor(name, is_suspended=False),)
        assert druid.suspend_supervisor(name)
        assert not druid.resume_supervisor(name)
        versions = druid.supervisor_versions(name)
        assert [each.is_suspended for each in versions] == [False, False]
        assert versions[0].version > versions[1].version
        hand(sandbox, store).suspend([name], lambda: None)
        assert hand(sandbox, store).adopt() == (name,)
        assert hand(sandbox, store).resume() == ()
        assert hand(sandbox, store).adopt() == ()
    finally:
        asked(sandbox, "POST", f"{SUPERVISOR}/{name}/terminate")
    assert druid.writers(SMOKE) == Writers()
    assert (druid.suspend_supervisor(name), druid.resume_supervisor(name)) == (False, False)
    assert [each.is_suspended for each in druid.supervisor_versions(name)] == [False] * 4
    assert druid.supervisor_versions("unheard-of") == []


def hand(sandbox: Sandbox, store: FakeStore) -> Suspender:
    """A night's hand on the supervisors, made anew."""
    known = boundaries()
    run = RunId.of(known.deployment_id, dag_id="test_writers", run_id="one")
    mine = Suspension(SMOKE, known.deployment_id, run, 1, "druid_general")
    return Suspender(SuspensionShelf(store, known.general, SMOKE), sandbox.druid, mine, print)


def test_a_task_without_its_locks_is_told_from_the_one_that_has_them(sandbox: Sandbox) -> None:
    pipeline, day = settings_of(sandbox, "locked").pipeline, Interval.parse("2026-09-01/2026-09-02")
    druid, (first, second) = sandbox.druid, (f"locked_{number}_{uuid.uuid4()}" for number in (1, 2))
    try:
        for task_id in (first, second):
            druid.submit_task(ingestion(pipeline, [day], rows(day, 1), task_id))
        until = time.monotonic() + LIMIT_SECONDS
        while druid.task_status(first).is_queued:
            assert time.monotonic() < until
        found = druid.task_status(second)
        assert (found.is_queued, {each.task_id: each.is_queued for each in druid.active_tasks("locked")}) == (
            True, {first: False, second: True},
        )  # fmt: skip
        assert found.created_at is not None
        assert abs((datetime.now(UTC) - found.created_at).total_seconds()) < LIMIT_SECONDS
    finally:
        for task_id in (second, first):
            druid.shutdown_task(task_id)
