"""What EMR refuses when a cluster is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulated_account import instances, request, shell

GROUPS = instances()["InstanceGroups"]
FLEET = {
    "InstanceFleetType": "MASTER",
    "TargetOnDemandCapacity": 1,
    "InstanceTypeConfigs": [{"InstanceType": "m6g.xlarge"}],
}
KERBEROS = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "a password"}

REFUSED = {
    "no release": ({"ReleaseLabel": None}, "ReleaseLabel is required"),
    "bogus release": ({"ReleaseLabel": "emr-99.0.0"}, "The supplied release label is invalid: emr-99.0.0."),
    "malformed release": ({"ReleaseLabel": "7.2.0"}, "The supplied release label is invalid"),
    "no profile": ({"JobFlowRole": None}, "InstanceProfile is required for creating cluster."),
    "bogus profile": ({"JobFlowRole": "Nobody"}, "Invalid InstanceProfile: Nobody."),
    "no service role": ({"ServiceRole": None}, "ServiceRole is required for creating cluster."),
    "bogus service role": ({"ServiceRole": "Nobody"}, "Invalid ServiceRole: Nobody."),
    "bogus application": ({"Applications": [{"Name": "Fortran"}]}, "Fortran"),
    "groups and fleets": ({"Instances": instances(InstanceFleets=[FLEET])}, "Exactly one of"),
    "neither": ({"Instances": instances(InstanceGroups=None)}, "Exactly one of"),
    "no primary": ({"Instances": instances(InstanceGroups=GROUPS[1:])}, "exactly one MASTER"),
    "two primaries": ({"Instances": instances(InstanceGroups=[GROUPS[0] | {"InstanceCount": 2}])}, "1 or 3"),
    "no nodes": ({"Instances": instances(InstanceGroups=[GROUPS[0] | {"InstanceCount": 0}])}, "at least 1"),
    "bogus type": ({"Instances": instances(InstanceGroups=[GROUPS[0] | {"InstanceType": "big"}])}, "'big'"),
    "bogus subnet": ({"Instances": instances(Ec2SubnetId="subnet-0")}, "The supplied ec2SubnetId is not valid."),
    "one managed group": (
        {"Instances": instances(EmrManagedMasterSecurityGroup="sg-0d70000000000001")},
        "or neither",
    ),
    "bogus service group": ({"Instances": instances(ServiceAccessSecurityGroup="sg-0")}, "'sg-0'"),
    "bogus configuration": ({"SecurityConfiguration": "none"}, "Security configuration with name 'none'"),
    "kerberos on one side": ({"KerberosAttributes": KERBEROS}, "KerberosAttributes"),
    "bogus log location": ({"LogUri": "file:///tmp"}, "LogUri"),
    "too much concurrency": ({"StepConcurrencyLevel": 257}, "between 1 and 256"),
    "concurrent steps that stop others": (
        {"StepConcurrencyLevel": 2, "Steps": [shell("true", "TERMINATE_CLUSTER")]},
        "ActionOnFailure",
    ),
    "short idle time": ({"AutoTerminationPolicy": {"IdleTimeout": 59}}, "between 60 and 604800"),
    "long idle time": ({"AutoTerminationPolicy": {"IdleTimeout": 604801}}, "between 60 and 604800"),
    "reserved tag": ({"Tags": [{"Key": "aws:owner", "Value": "x"}]}, "tag"),
    "too many steps": ({"Steps": [shell("true")] * 257}, "Maximum number of active steps"),
    "long step": ({"Steps": [shell("#" * 10240)]}, "10240"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_run_job_flow_refuses(emr: Any, case: str) -> None:
    changes, message = REFUSED[case]
    before = len(emr.list_clusters()["Clusters"])
    with pytest.raises(ClientError) as refused:
        emr.run_job_flow(**request(**changes))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert message in refused.value.response["Error"]["Message"]
    assert len(emr.list_clusters()["Clusters"]) == before


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("describe_cluster", {"ClusterId": "j-NONE"}),
        ("list_steps", {"ClusterId": "j-NONE"}),
        ("list_instances", {"ClusterId": "j-NONE"}),
        ("cancel_steps", {"ClusterId": "j-NONE", "StepIds": ["s-1"]}),
        ("modify_cluster", {"ClusterId": "j-NONE", "StepConcurrencyLevel": 2}),
        ("describe_security_configuration", {"Name": "none"}),
        ("delete_security_configuration", {"Name": "none"}),
        ("list_clusters", {"Marker": "nonsense"}),
    ],
)
def test_what_does_not_exist_is_an_invalid_request(emr: Any, operation: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(emr.exceptions.InvalidRequestException):
        getattr(emr, operation)(**arguments)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("terminate_job_flows", {"JobFlowIds": ["j-NONE"]}),
        ("add_job_flow_steps", {"JobFlowId": "j-NONE", "Steps": [shell("true")]}),
        ("set_termination_protection", {"JobFlowIds": ["j-NONE"], "TerminationProtected": True}),
    ],
)
def test_a_job_flow_that_does_not_exist_is_a_validation_error(
    emr: Any, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        getattr(emr, operation)(**arguments)


def test_an_operation_that_is_not_emulated_says_so(emr: Any) -> None:
    with pytest.raises(ClientError, match="does not emulate ListStudios"):
        emr.list_studios()


def test_security_configurations_are_checked_listed_and_deleted(emr: Any) -> None:
    for name, text in (("bad-json", "{"), ("bad-section", '{"Encryption": {}}'), ("empty", "{}")):
        with pytest.raises(emr.exceptions.InvalidRequestException):
            emr.create_security_configuration(Name=name, SecurityConfiguration=text)
    text = '{"InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": 2}}'
    assert emr.create_security_configuration(Name="one", SecurityConfiguration=text)["CreationDateTime"]
    with pytest.raises(emr.exceptions.InvalidRequestException, match="already exists"):
        emr.create_security_configuration(Name="one", SecurityConfiguration=text)
    assert emr.describe_security_configuration(Name="one")["SecurityConfiguration"] == text
    listed = emr.list_security_configurations()["SecurityConfigurations"]
    assert "one" in [item["Name"] for item in listed]
    emr.delete_security_configuration(Name="one")
    with pytest.raises(emr.exceptions.InvalidRequestException):
        emr.describe_security_configuration(Name="one")
