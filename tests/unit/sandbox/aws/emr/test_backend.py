"""The operations that change something, without anything running."""

from __future__ import annotations

import pytest
from moto.emr.exceptions import InvalidCluster, InvalidRequestException, ValidationException

from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.emr.model import Cluster, ClusterState, StepState
from emulated_clusters import new_cluster


@pytest.fixture
def backend() -> EmrBackend:
    return EmrBackend("us-east-1", "111122223333")


@pytest.fixture
def cluster(backend: EmrBackend) -> Cluster:
    made = new_cluster("one", "two")
    backend.flows[made.id] = made
    return made


def test_moto_finds_its_addresses(backend: EmrBackend) -> None:
    assert any("elasticmapreduce" in base for base in backend.url_bases)


def test_the_two_kinds_of_not_found(backend: EmrBackend) -> None:
    with pytest.raises(InvalidCluster):
        backend.cluster("j-NONE")
    with pytest.raises(ValidationException):
        backend.job_flow("j-NONE")


def test_a_refused_termination_still_ends_the_others(backend: EmrBackend, cluster: Cluster) -> None:
    protected = new_cluster(termination_protected=True)
    backend.flows[protected.id] = protected
    with pytest.raises(ValidationException):
        backend.terminate({"JobFlowIds": [protected.id, cluster.id]})
    assert (protected.ending, cluster.ending is None) == (None, False)


def test_terminating_what_has_ended_changes_nothing(backend: EmrBackend, cluster: Cluster) -> None:
    cluster.state = ClusterState.TERMINATED
    backend.terminate({"JobFlowIds": [cluster.id]})
    assert cluster.ending is None


def test_each_step_gets_its_own_answer_to_a_cancellation(backend: EmrBackend, cluster: Cluster) -> None:
    running, pending = cluster.steps
    running.state = StepState.RUNNING
    request = {"ClusterId": cluster.id, "StepIds": [running.id, pending.id]}
    answers = backend.cancel(request)["CancelStepsInfoList"]
    assert [answer["Status"] for answer in answers] == ["SUBMITTED", "SUBMITTED"]
    assert (running.state, running.cancellation) == (StepState.CANCEL_PENDING, "SEND_INTERRUPT")
    assert pending.state is StepState.CANCELLED
    again = backend.cancel(request | {"StepCancellationOption": "TERMINATE_PROCESS"})["CancelStepsInfoList"]
    assert [answer["Status"] for answer in again] == ["SUBMITTED", "FAILED"]
    assert running.cancellation == "TERMINATE_PROCESS"
    with pytest.raises(InvalidRequestException):
        backend.cancel({"ClusterId": cluster.id, "StepIds": ["s-NONE"]})


def test_nothing_of_a_terminated_cluster_is_modified(backend: EmrBackend, cluster: Cluster) -> None:
    cluster.state = ClusterState.TERMINATED
    with pytest.raises(ValidationException):
        backend.modify({"ClusterId": cluster.id, "StepConcurrencyLevel": 2})
    with pytest.raises(ValidationException):
        backend.protect({"JobFlowIds": [cluster.id], "TerminationProtected": True})


def test_the_idle_time_is_set_and_removed(backend: EmrBackend, cluster: Cluster) -> None:
    backend.put_idle_timeout({"ClusterId": cluster.id, "AutoTerminationPolicy": {"IdleTimeout": 90}})
    assert cluster.idle_timeout_seconds == 90
    backend.remove_idle_timeout({"ClusterId": cluster.id})
    assert cluster.idle_timeout_seconds is None
