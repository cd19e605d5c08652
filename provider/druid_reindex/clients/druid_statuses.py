"""Reads what the Overlord says of a task.

Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#tasks
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from druid_reindex.clients.druid_answers import json_object, text
from druid_reindex.clients.druid_http import Ask, unknown_form
from druid_reindex.model.druid_task import TaskState, TaskStatus
from druid_reindex.model.interval import parse_instant

FOUND_OR_NOT = frozenset({200, 404})
_QUEUED = "WAITING"
_UNKNOWN_TASK = "Cannot find any task with id"


def read_status(response: httpx.Response, ask: Ask, task_id: str) -> TaskStatus:
    """The task's status; state ABSENT when the Overlord itself says that it does not know the task.

    A 404 is the Overlord's only when it names the task or says so in its own words. Raises ProtocolError otherwise.
    Source: https://github.com/apache/druid/blob/25.0.0/indexing-service/src/main/java/org/apache/druid/indexing/overlord/http/security/TaskResourceFilter.java
    """
    if response.status_code == 200:
        status = json_object(response, ask.attempted).get("status")
        if isinstance(status, dict):
            return task_of(status | {"id": task_id}, ask)
        return TaskStatus(task_id, TaskState.ABSENT)
    said = text(response)
    if _UNKNOWN_TASK in said or f'"task":"{task_id}"' in said.replace('": "', '":"'):
        return TaskStatus(task_id, TaskState.ABSENT)
    raise unknown_form(ask, "HTTP 404 that is not the Overlord's")


def task_of(status: Mapping[str, Any], ask: Ask) -> TaskStatus:
    """The status in the Overlord's words: ``statusCode`` is RUNNING for a task that waits or is pending, too.

    ``runnerStatusCode`` tells these apart; it is WAITING also for one that has ended.
    """
    task_id = status.get("id")
    if not isinstance(task_id, str):
        raise unknown_form(ask, "a task without an id")
    try:
        state = TaskState(str(status.get("statusCode")))
    except ValueError as error:
        raise unknown_form(ask, f"task state {status.get('statusCode')!r}") from error
    duration_seconds = max(0.0, float(status.get("duration") or 0) / 1000)
    is_queued = state is TaskState.RUNNING and status.get("runnerStatusCode") == _QUEUED
    said = str(status.get("errorMsg") or "")
    return TaskStatus(task_id, state, said, duration_seconds, is_queued, _instant(status.get("createdTime")))


def _instant(told: Any) -> datetime | None:
    try:
        return parse_instant(told) if isinstance(told, str) else None
    except ValueError:
        return None
