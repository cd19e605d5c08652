"""Which states of EMR mean up, and which mean ended."""

from __future__ import annotations

import pytest

from druid_reindex.model.cluster import ClusterState, StepState


@pytest.mark.parametrize("state", ClusterState)
def test_a_cluster_is_up_only_when_it_takes_steps(state: ClusterState) -> None:
    assert state.is_up == (state in {"RUNNING", "WAITING"})


@pytest.mark.parametrize("state", ClusterState)
def test_a_cluster_that_is_terminating_has_not_ended(state: ClusterState) -> None:
    assert state.is_ended == (state in {"TERMINATED", "TERMINATED_WITH_ERRORS"})
    assert not (state.is_ended and state.is_up)


@pytest.mark.parametrize("state", StepState)
def test_a_step_that_is_being_cancelled_has_not_ended(state: StepState) -> None:
    assert state.is_ended == (state in {"COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"})


def test_states_are_all_that_emr_has() -> None:
    assert {*ClusterState} == {
        "STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS",
    }  # fmt: skip
