"""A cluster's life as boto3 sees it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulated_account import LOGS, LOGS_KEY, cluster, instances, script, shell, state, until

Launch = Callable[..., str]


def await_state(emr: Any, cluster_id: str, *wanted: str) -> dict[str, Any]:
    until(lambda: state(emr, cluster_id), *wanted)
    return cluster(emr, cluster_id)


def terminate(emr: Any, cluster_id: str) -> dict[str, Any]:
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    return await_state(emr, cluster_id, "TERMINATED", "TERMINATED_WITH_ERRORS")


def test_a_cluster_waits_and_is_terminated(emr: Any, launch: Launch) -> None:
    cluster_id = launch(Tags=[{"Key": "run", "Value": "r1"}], AutoTerminationPolicy={"IdleTimeout": 3600})
    found = await_state(emr, cluster_id, "WAITING")
    assert found["Status"]["StateChangeReason"] == {"Message": "Cluster ready to run steps."}
    assert found["LogEncryptionKmsKeyId"] == LOGS_KEY
    assert found["MasterPublicDnsName"].startswith("ip-127-77-")
    assert found["Ec2InstanceAttributes"]["Ec2AvailabilityZone"] == "us-east-1a"
    assert found["Tags"] == [{"Key": "run", "Value": "r1"}]
    assert found["Applications"] == [{"Name": "Hadoop", "Version": "3.3.6"}]
    ended = terminate(emr, cluster_id)["Status"]
    assert ended["State"] == "TERMINATED"
    assert ended["StateChangeReason"] == {"Code": "USER_REQUEST", "Message": "Terminated by user request"}
    timeline = ended["Timeline"]
    assert timeline["CreationDateTime"] <= timeline["ReadyDateTime"] <= timeline["EndDateTime"]
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert state(emr, cluster_id) == "TERMINATED"


def test_a_terminated_cluster_is_never_revived(emr: Any, launch: Launch) -> None:
    cluster_id = launch()
    terminate(emr, cluster_id)
    with pytest.raises(ClientError, match="shutting down, terminated, or finished may not be modified"):
        emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("true")])
    assert state(emr, cluster_id) == "TERMINATED"
    assert emr.list_steps(ClusterId=cluster_id)["Steps"] == []


def test_without_keep_alive_it_ends_after_its_steps(emr: Any, launch: Launch) -> None:
    cluster_id = launch(Instances=instances(KeepJobFlowAliveWhenNoSteps=False), Steps=[shell("true")])
    ended = await_state(emr, cluster_id, "TERMINATED", "TERMINATED_WITH_ERRORS")
    assert ended["AutoTerminate"]
    assert ended["Status"]["StateChangeReason"] == {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}
    assert emr.list_steps(ClusterId=cluster_id)["Steps"][0]["Status"]["State"] == "COMPLETED"


def test_keep_alive_can_be_taken_away(emr: Any, launch: Launch) -> None:
    cluster_id = launch()
    await_state(emr, cluster_id, "WAITING")
    emr.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster_id], KeepJobFlowAliveWhenNoSteps=False)
    assert await_state(emr, cluster_id, "TERMINATED")["Status"]["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"


def test_a_protected_cluster_is_not_terminated(emr: Any, launch: Launch) -> None:
    protected, other = launch(Instances=instances(TerminationProtected=True)), launch()
    with pytest.raises(ClientError, match="since they are termination protected"):
        emr.terminate_job_flows(JobFlowIds=[protected, other])
    await_state(emr, other, "TERMINATED")
    assert await_state(emr, protected, "WAITING")["TerminationProtected"]
    emr.set_termination_protection(JobFlowIds=[protected], TerminationProtected=False)
    assert terminate(emr, protected)["Status"]["State"] == "TERMINATED"


def test_bootstrap_actions_run_with_the_clusters_role(emr: Any, s3: Any, launch: Launch) -> None:
    path = script(s3, "who.sh", 'aws sts get-caller-identity --query Arn --output text; echo "$1"\n')
    action = {"Name": "who", "ScriptBootstrapAction": {"Path": path, "Args": ["an argument"]}}
    cluster_id = launch(BootstrapActions=[action])
    await_state(emr, cluster_id, "WAITING")
    (primary,) = emr.list_instances(ClusterId=cluster_id, InstanceGroupTypes=["MASTER"])["Instances"]
    key = f"emr/{cluster_id}/node/{primary['Ec2InstanceId']}/bootstrap-actions/1/stdout.gz"
    log = s3.get_object(Bucket=LOGS, Key=key)
    said = gzip.decompress(log["Body"].read()).decode().splitlines()
    role = f"arn:aws:sts::111122223333:assumed-role/DrxEmrEc2Phi/{primary['Ec2InstanceId']}"
    assert said == [role, "an argument"]
    assert log["SSEKMSKeyId"] == LOGS_KEY
    (shown,) = emr.list_bootstrap_actions(ClusterId=cluster_id)["BootstrapActions"]
    assert shown == {"Name": "who", "ScriptPath": path, "Args": ["an argument"]}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_failed_bootstrap_action_ends_the_cluster(emr: Any, s3: Any, launch: Launch, *, is_there: bool) -> None:
    path = script(s3, "fails.sh", "exit 3\n") if is_there else "s3://drx-artifacts-111122223333/tests/absent.sh"
    action = {"Name": "fails", "ScriptBootstrapAction": {"Path": path}}
    cluster_id = launch(BootstrapActions=[action], Steps=[shell("true")])
    status = await_state(emr, cluster_id, "TERMINATED_WITH_ERRORS")["Status"]
    assert status["StateChangeReason"]["Code"] == "BOOTSTRAP_FAILURE"
    assert "bootstrap action 1" in status["StateChangeReason"]["Message"]
    assert "ReadyDateTime" not in status["Timeline"]
    assert emr.list_steps(ClusterId=cluster_id)["Steps"][0]["Status"]["State"] == "CANCELLED"


def test_groups_and_instances(emr: Any, launch: Launch) -> None:
    cluster_id = launch()
    await_state(emr, cluster_id, "WAITING")
    groups = {
        group["InstanceGroupType"]: group for group in emr.list_instance_groups(ClusterId=cluster_id)["InstanceGroups"]
    }
    assert groups["CORE"]["RunningInstanceCount"] == groups["CORE"]["RequestedInstanceCount"] == 2
    core = emr.list_instances(ClusterId=cluster_id, InstanceGroupId=groups["CORE"]["Id"])["Instances"]
    assert [item["Status"]["State"] for item in core] == ["RUNNING", "RUNNING"]
    with pytest.raises(emr.exceptions.InvalidRequestException):
        emr.list_instance_fleets(ClusterId=cluster_id)


def test_fleets(emr: Any, launch: Launch) -> None:
    fleet = {
        "InstanceFleetType": "MASTER",
        "TargetOnDemandCapacity": 1,
        "InstanceTypeConfigs": [{"InstanceType": "m6g.xlarge"}],
    }
    cluster_id = launch(Instances=instances(InstanceGroups=None, InstanceFleets=[fleet]))
    assert await_state(emr, cluster_id, "WAITING")["InstanceCollectionType"] == "INSTANCE_FLEET"
    (shown,) = emr.list_instance_fleets(ClusterId=cluster_id)["InstanceFleets"]
    assert shown["ProvisionedOnDemandCapacity"] == 1


def test_tags_policy_and_concurrency_can_change(emr: Any, launch: Launch) -> None:
    cluster_id = launch(Tags=[{"Key": "a", "Value": "1"}])
    emr.add_tags(ResourceId=cluster_id, Tags=[{"Key": "b", "Value": "2"}])
    emr.remove_tags(ResourceId=cluster_id, TagKeys=["a"])
    assert cluster(emr, cluster_id)["Tags"] == [{"Key": "b", "Value": "2"}]
    emr.put_auto_termination_policy(ClusterId=cluster_id, AutoTerminationPolicy={"IdleTimeout": 60})
    policy = emr.get_auto_termination_policy(ClusterId=cluster_id)["AutoTerminationPolicy"]
    assert policy == {"IdleTimeout": 60}
    emr.remove_auto_termination_policy(ClusterId=cluster_id)
    assert "AutoTerminationPolicy" not in emr.get_auto_termination_policy(ClusterId=cluster_id)
    assert emr.modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=3)["StepConcurrencyLevel"] == 3


def test_passwords_are_never_told(emr: Any, launch: Launch) -> None:
    kerberos = {"Provider": "ClusterDedicatedKdc", "ClusterDedicatedKdcConfiguration": {"TicketLifetimeInHours": 24}}
    configuration = json.dumps({"AuthenticationConfiguration": {"KerberosConfiguration": kerberos}})
    emr.create_security_configuration(Name="kerberos", SecurityConfiguration=configuration)
    attributes = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "never told"}
    cluster_id = launch(SecurityConfiguration="kerberos", KerberosAttributes=attributes)
    assert cluster(emr, cluster_id)["KerberosAttributes"] == {"Realm": "EC2.INTERNAL"}
    assert "never told" not in str(emr.describe_cluster(ClusterId=cluster_id))


def test_clusters_are_listed_by_state_time_and_page(emr: Any, launch: Launch) -> None:
    start = datetime.now(UTC) - timedelta(seconds=1)
    cluster_id = launch()
    await_state(emr, cluster_id, "WAITING")

    def listed(**filters: Any) -> list[str]:
        pages = emr.get_paginator("list_clusters").paginate(**filters)
        return [item["Id"] for page in pages for item in page["Clusters"]]

    assert listed()[0] == cluster_id
    assert cluster_id in listed(ClusterStates=["WAITING"], CreatedAfter=start)
    assert cluster_id not in listed(ClusterStates=["TERMINATED"])
    assert cluster_id not in listed(CreatedBefore=start)
    assert cluster_id not in listed(CreatedAfter=datetime.now(UTC) + timedelta(minutes=1))
