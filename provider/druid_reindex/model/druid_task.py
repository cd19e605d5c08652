"""Druid tasks as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TaskState(StrEnum):
    """The Overlord's ``statusCode``s, and ABSENT for a task it does not know.

    Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#tasks
    """

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    ABSENT = "ABSENT"

    @property
    def is_ended(self) -> bool:
        """Whether the task will not change any more."""
        return self in {TaskState.SUCCESS, TaskState.FAILED}


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """What the Overlord says of one task; ``error_message`` is its short (100 characters) ``errorMsg``.

    ``is_queued`` says that it has been given to no worker yet, nor waits for a free one: it does not have its locks.
    ``created_at`` is by the Overlord's clock, None where that is not told.
    Source: https://github.com/apache/druid/blob/25.0.0/indexing-service/src/main/java/org/apache/druid/indexing/overlord/TaskQueue.java
    """

    task_id: str
    state: TaskState
    error_message: str = ""
    duration_seconds: float = 0.0
    is_queued: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """How many of a datasource's used segments no Historical serves yet; ``None`` when there are no used segments."""

    datasource: str
    segments_left: int | None
