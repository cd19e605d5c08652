"""Druid tasks as values."""

from __future__ import annotations

from dataclasses import dataclass
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
    """What the Overlord says of one task; ``error_message`` is its short (100 characters) ``errorMsg``."""

    task_id: str
    state: TaskState
    error_message: str = ""
    duration_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """How many of a datasource's used segments no Historical serves yet; ``None`` when there are no used segments."""

    datasource: str
    segments_left: int | None
