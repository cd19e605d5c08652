"""Tests of the EMR client beyond the port's contract, on botocore's stubbed answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from druid_reindex.clients.emr import EmrClient
from druid_reindex.errors import NotAuthorizedError, NotFoundError, ProtocolError, RefusedError, ThrottledError
from druid_reindex.model.cluster import ClusterState, StepState, StoredConfiguration

ID = "j-1AAAAAAAAAAAA"
STEP = {"Id": "s-1", "Name": "reindex", "Status": {"State": "RUNNING"}}


def cluster(state: str, **status: Any) -> dict[str, Any]:
    return {"Cluster": {"Id": ID, "Name": "vitals", "Status": {"State": state, **status}}}


@pytest.fixture
def emr() -> EmrClient:
    return EmrClient(boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1"))


@pytest.fixture
def stub(emr: EmrClient) -> Iterator[Stubber]:
    with Stubber(emr._emr) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_cluster_in_full(emr: EmrClient, stub: Stubber) -> None:
    created = datetime(2026, 10, 6, 4, 30, tzinfo=timezone(timedelta(hours=2)))
    answer = cluster(
        "TERMINATED_WITH_ERRORS",
        StateChangeReason={"Code": "VALIDATION_ERROR", "Message": "no capacity"},
        Timeline={"CreationDateTime": created},
        ErrorDetails=[{"ErrorCode": "INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ", "ErrorMessage": "x"}],
    )
    answer["Cluster"] |= {"Tags": [{"Key": "k", "Value": "v"}], "NormalizedInstanceHours": 8, "LogUri": "s3://logs/"}
    stub.add_response("describe_cluster", answer, {"ClusterId": ID})
    found = emr.describe_cluster(ID)
    assert found.state is ClusterState.TERMINATED_WITH_ERRORS
    assert found.reason_message == "no capacity [INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ]"
    assert (found.tags, found.normalized_instance_hours, found.log_uri) == ({"k": "v"}, 8, "s3://logs/")
    assert found.created_at == datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
    assert found.created_at.tzinfo is UTC
    assert found.ready_at is None


def test_a_state_that_this_release_does_not_know_is_refused(emr: EmrClient, stub: Stubber) -> None:
    stub.add_response("describe_cluster", cluster("HIBERNATING"))
    with pytest.raises(ProtocolError, match="HIBERNATING"):
        emr.describe_cluster(ID)


def test_protection_is_lifted_before_the_end(emr: EmrClient, stub: Stubber) -> None:
    stub.add_response("describe_cluster", cluster("WAITING"))
    stub.add_response("set_termination_protection", {}, {"JobFlowIds": [ID], "TerminationProtected": False})
    stub.add_response("terminate_job_flows", {}, {"JobFlowIds": [ID]})
    emr.terminate(ID)


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_a_cluster_that_is_ending_is_left_as_it_is(emr: EmrClient, stub: Stubber, state: str) -> None:
    stub.add_response("describe_cluster", cluster(state))
    emr.terminate(ID)


def test_a_cluster_that_ends_meanwhile_is_left_as_it_is(emr: EmrClient, stub: Stubber) -> None:
    stub.add_response("describe_cluster", cluster("RUNNING"))
    stub.add_client_error("set_termination_protection", "ValidationException", "may not be modified")
    stub.add_response("describe_cluster", cluster("TERMINATING"))
    emr.terminate(ID)


def test_a_refused_end_is_told(emr: EmrClient, stub: Stubber) -> None:
    stub.add_response("describe_cluster", cluster("RUNNING"))
    stub.add_client_error("set_termination_protection", "ValidationException", "may not be modified")
    stub.add_response("describe_cluster", cluster("RUNNING"))
    with pytest.raises(RefusedError, match="may not be modified"):
        emr.terminate(ID)


def test_clusters_are_found_through_all_pages_newest_first(emr: EmrClient, stub: Stubber) -> None:
    newer = datetime(2026, 10, 6, 3, tzinfo=UTC)
    stub.add_response("list_clusters", {"Clusters": [{"Id": "j-1"}], "Marker": "m"})
    stub.add_response("list_clusters", {"Clusters": [{"Id": "j-2"}, {"Id": "j-3"}]})
    for number, value in ((1, "r1"), (2, "r1"), (3, "r2")):
        answer = cluster("WAITING", Timeline={"CreationDateTime": newer + timedelta(hours=number)})
        answer["Cluster"] |= {"Id": f"j-{number}", "Tags": [{"Key": "run", "Value": value}]}
        stub.add_response("describe_cluster", answer, {"ClusterId": f"j-{number}"})
    assert [found.cluster_id for found in emr.find_clusters("run", "r1")] == ["j-2", "j-1"]


def test_launching_and_adding_are_sent_once(emr: EmrClient) -> None:
    assert emr._once.meta.config.retries["total_max_attempts"] == 1
    with Stubber(emr._once) as once:
        once.add_client_error("run_job_flow", "ThrottlingException", "Rate exceeded", 400)
        with pytest.raises(ThrottledError):
            emr.run_job_flow({"Name": "vitals", "Instances": {}})
        once.add_response("add_job_flow_steps", {"StepIds": ["s-1"]})
        assert emr.add_step(ID, {"Name": "reindex", "HadoopJarStep": {"Jar": "command-runner.jar"}}) == "s-1"


def test_a_failed_step_says_why(emr: EmrClient, stub: Stubber) -> None:
    failure = {"Reason": "Unknown Error.", "Message": "exit 1", "LogFile": "s3://logs/stderr.gz"}
    stub.add_response("describe_step", {"Step": STEP | {"Status": {"State": "FAILED", "FailureDetails": failure}}})
    step = emr.describe_step(ID, "s-1")
    assert (step.state, step.message, step.log_file) == (StepState.FAILED, "exit 1", "s3://logs/stderr.gz")


def test_steps_come_from_all_pages(emr: EmrClient, stub: Stubber) -> None:
    stub.add_response("list_steps", {"Steps": [STEP], "Marker": "m"})
    stub.add_response("list_steps", {"Steps": [STEP | {"Id": "s-0"}]})
    assert [step.step_id for step in emr.list_steps(ID)] == ["s-1", "s-0"]


def test_unknown_ids_are_not_found(emr: EmrClient, stub: Stubber) -> None:
    for operation, read in (
        ("list_steps", lambda: emr.list_steps(ID)),
        ("describe_step", lambda: emr.describe_step(ID, "s-1")),
        ("describe_cluster", lambda: emr.describe_cluster(ID)),
    ):
        stub.add_client_error(operation, "InvalidRequestException", f"Cluster id '{ID}' is not valid.")
        with pytest.raises(NotFoundError):
            read()


@pytest.mark.parametrize(("state", "is_told"), [("RUNNING", True), ("COMPLETED", False)])
def test_a_cancellation_that_fails_is_told_unless_the_step_has_ended(
    emr: EmrClient, stub: Stubber, state: str, is_told: bool
) -> None:
    stub.add_response(
        "cancel_steps",
        {"CancelStepsInfoList": [{"StepId": "s-1", "Status": "FAILED", "Reason": "not in a cancellable state"}]},
        {"ClusterId": ID, "StepIds": ["s-1"], "StepCancellationOption": "TERMINATE_PROCESS"},
    )
    stub.add_response("describe_step", {"Step": STEP | {"Status": {"State": state}}})
    if is_told:
        with pytest.raises(RefusedError, match="not in a cancellable state"):
            emr.cancel_step(ID, "s-1")
    else:
        emr.cancel_step(ID, "s-1")


def test_a_cancellation_that_is_submitted_is_enough(emr: EmrClient, stub: Stubber) -> None:
    stub.add_response("cancel_steps", {"CancelStepsInfoList": [{"StepId": "s-1", "Status": "SUBMITTED"}]})
    emr.cancel_step(ID, "s-1")


MADE = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
LISTED = {"SecurityConfigurations": [{"Name": "drx-b", "CreationDateTime": MADE}]}


def test_a_security_configuration_is_told(emr: EmrClient, stub: Stubber) -> None:
    answer = {"Name": "drx", "SecurityConfiguration": "{}", "CreationDateTime": MADE}
    stub.add_response("describe_security_configuration", answer, {"Name": "drx"})
    assert emr.security_configuration("drx") == StoredConfiguration("drx", "{}", MADE)


def test_one_that_is_neither_told_nor_listed_is_absent(emr: EmrClient, stub: Stubber) -> None:
    stub.add_client_error("describe_security_configuration", "InvalidRequestException", "does not exist")
    stub.add_response("list_security_configurations", {"SecurityConfigurations": [], "Marker": "m"})
    stub.add_response("list_security_configurations", LISTED, {"Marker": "m"})
    assert emr.security_configuration("drx") is None


def test_one_that_is_listed_and_not_told_is_no_absence(emr: EmrClient, stub: Stubber) -> None:
    stub.add_client_error("describe_security_configuration", "InvalidRequestException", "not now")
    stub.add_response("list_security_configurations", LISTED)
    with pytest.raises(RefusedError, match="not now"):
        emr.security_configuration("drx-b")


def test_one_that_could_not_be_read_is_no_absence(emr: EmrClient, stub: Stubber) -> None:
    stub.add_client_error("describe_security_configuration", "AccessDeniedException", "no")
    with pytest.raises(NotAuthorizedError):
        emr.security_configuration("drx")


@pytest.mark.parametrize("operation", ["create_security_configuration", "delete_security_configuration"])
@pytest.mark.parametrize("name", ["drx-a", "drx-b"])
def test_making_or_deleting_twice_is_once_and_other_refusals_are_told(
    emr: EmrClient, stub: Stubber, operation: str, name: str
) -> None:
    stub.add_client_error(operation, "InvalidRequestException", "no")
    stub.add_response("list_security_configurations", LISTED)
    is_done = (name == "drx-b") == operation.startswith("create")
    call = getattr(emr, operation)
    arguments = (name, "{}") if operation.startswith("create") else (name,)
    if is_done:
        call(*arguments)
        return
    with pytest.raises(RefusedError):
        call(*arguments)


def test_a_security_configuration_is_made_and_deleted(emr: EmrClient, stub: Stubber) -> None:
    asked = {"Name": "drx", "SecurityConfiguration": "{}"}
    stub.add_response("create_security_configuration", {"Name": "drx", "CreationDateTime": MADE}, asked)
    stub.add_response("delete_security_configuration", {}, {"Name": "drx"})
    emr.create_security_configuration("drx", "{}")
    emr.delete_security_configuration("drx")
