"""Tests of EMR's states."""

from __future__ import annotations

import pytest

from druid_reindex.model.cluster import ClusterState, StepState

UP = {ClusterState.RUNNING, ClusterState.WAITING}
ENDED = {ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS}
STEP_GOING = {StepState.PENDING, StepState.RUNNING, StepState.CANCEL_PENDING}


@pytest.mark.parametrize("state", list(ClusterState))
def test_only_running_and_waiting_are_up_and_only_terminated_is_ended(state: ClusterState) -> None:
    assert state.is_up == (state in UP)
    assert state.is_ended == (state in ENDED)


@pytest.mark.parametrize("state", list(StepState))
def test_a_step_that_may_still_change_is_not_ended(state: StepState) -> None:
    assert state.is_ended == (state not in STEP_GOING)
