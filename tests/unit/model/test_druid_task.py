"""Tests of Druid's task states."""

from __future__ import annotations

import pytest

from druid_reindex.model.druid_task import TaskState


@pytest.mark.parametrize("state", list(TaskState))
def test_absent_and_running_are_not_ended(state: TaskState) -> None:
    assert state.is_ended == (state in {TaskState.SUCCESS, TaskState.FAILED})
