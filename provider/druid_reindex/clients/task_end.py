"""Waits, from a shell, until a task of Druid has succeeded."""

from __future__ import annotations

import time

from druid_reindex.errors import DeadlineError, ReindexFailedError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.ports import DruidPort


def await_success(
    druid: DruidPort, task_id: str, *, attempted: str, limit_seconds: float, poll_seconds: float = 1.0
) -> None:
    """Return once the task has succeeded. Raises ReindexFailedError, DeadlineError and what Druid raises."""
    deadline = time.monotonic() + limit_seconds
    while (state := druid.task_status(task_id).state) is not TaskState.SUCCESS:
        if state is TaskState.FAILED:
            raise ReindexFailedError(
                attempted,
                resource=task_id,
                came_back=druid.task_failure(task_id),
                remedy="read the task's log, then do it again",
            )
        if time.monotonic() > deadline:
            raise DeadlineError(
                attempted,
                resource=task_id,
                came_back=f"the task is {state} after {limit_seconds:g} seconds",
                remedy="see in Druid's console what it waits for, then do it again",
            )
        time.sleep(poll_seconds)
