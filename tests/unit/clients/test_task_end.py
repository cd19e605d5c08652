"""Waiting for a task of Druid."""

from __future__ import annotations

import pytest

from druid_reindex.clients.task_end import await_success
from druid_reindex.errors import DeadlineError, ReindexFailedError
from druid_reindex.model.druid_task import TaskState
from twins import FakeDruid, Outcome


def waited(outcome: Outcome, limit_seconds: float = 60.0) -> FakeDruid:
    druid = FakeDruid(outcomes=[outcome])
    druid.submit_task({"id": "t"})
    await_success(druid, "t", attempted="Ingesting", limit_seconds=limit_seconds, poll_seconds=0.0)
    return druid


def test_it_returns_when_the_task_has_succeeded() -> None:
    assert waited(Outcome(polls=3)).ended == {"t": TaskState.SUCCESS}


def test_a_failure_is_told_with_its_reason() -> None:
    with pytest.raises(ReindexFailedError, match="no space left"):
        waited(Outcome(TaskState.FAILED, failure="no space left"))


def test_a_task_without_end_is_given_up() -> None:
    with pytest.raises(DeadlineError, match="RUNNING after"):
        waited(Outcome(polls=10**6), limit_seconds=0.01)
