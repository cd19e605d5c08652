"""Tests of what the end of a cluster means, against the codes in botocore's model of EMR."""

from __future__ import annotations

from dataclasses import replace

import botocore.session
import pytest

from druid_reindex.clients.emr_states import REASONS, cluster_failure, is_without_capacity
from druid_reindex.errors import CapacityError, ClusterFailedError, Transient, UnavailableError
from druid_reindex.model.cluster import Cluster, ClusterState, StepState

MODEL = botocore.session.get_session().get_service_model("emr")


def ended(code: str, message: str = "said EMR") -> Cluster:
    return Cluster("j-1", "vitals", ClusterState.TERMINATED_WITH_ERRORS, code, message, log_uri="s3://drx-logs/emr/")


def test_the_table_has_each_code_of_the_model_and_no_other() -> None:
    assert set(REASONS) == set(MODEL.shape_for("ClusterStateChangeReasonCode").enum)


def test_states_are_the_models() -> None:
    assert {state.value for state in ClusterState} == set(MODEL.shape_for("ClusterState").enum)
    assert {state.value for state in StepState} == set(MODEL.shape_for("StepState").enum)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INTERNAL_ERROR", UnavailableError),
        ("VALIDATION_ERROR", ClusterFailedError),
        ("INSTANCE_FAILURE", UnavailableError),
        ("INSTANCE_FLEET_TIMEOUT", CapacityError),
        ("BOOTSTRAP_FAILURE", ClusterFailedError),
        ("USER_REQUEST", ClusterFailedError),
        ("STEP_FAILURE", ClusterFailedError),
        ("ALL_STEPS_COMPLETED", ClusterFailedError),
        ("", ClusterFailedError),
        ("NEW_REASON", ClusterFailedError),
    ],
)
def test_reasons(code: str, kind: type[Exception]) -> None:
    error = cluster_failure(ended(code), attempted="wait for the cluster")
    assert type(error) is kind
    assert "j-1 (vitals)" in str(error)
    assert "TERMINATED_WITH_ERRORS" in str(error)
    assert "s3://drx-logs/emr/" in str(error)


def test_missing_capacity_is_transient_under_any_reason() -> None:
    message = "Requested instance type not available [INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ]"
    error = cluster_failure(ended("VALIDATION_ERROR", message), attempted="wait")
    assert isinstance(error, CapacityError)
    assert isinstance(error, Transient)


def test_want_of_capacity_is_told_from_other_ends_and_from_living_clusters() -> None:
    message = "x [INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ]"
    assert is_without_capacity(ended("VALIDATION_ERROR", message))
    assert is_without_capacity(ended("INSTANCE_FLEET_TIMEOUT"))
    assert not is_without_capacity(ended("VALIDATION_ERROR"))
    assert not is_without_capacity(replace(ended("VALIDATION_ERROR", message), state=ClusterState.STARTING))
