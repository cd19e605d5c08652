"""When a Druid task has ended."""

from __future__ import annotations

import pytest

from druid_reindex.model.druid_task import LoadStatus, TaskState, TaskStatus


@pytest.mark.parametrize("state", TaskState)
def test_an_absent_task_has_not_ended(state: TaskState) -> None:
    assert state.is_ended == (state in {"SUCCESS", "FAILED"})


def test_no_used_segments_is_not_nothing_left() -> None:
    assert LoadStatus("vitals", None) != LoadStatus("vitals", 0)


def test_a_status_without_message_is_silent() -> None:
    assert TaskStatus("t", TaskState.RUNNING).error_message == ""
