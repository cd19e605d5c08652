"""Looks at EMR and what its clusters stand on, on documented answers and on moto."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from druid_reindex.clients.survey_emr import EmrSurvey
from druid_reindex.errors import NotAuthorizedError, NotFoundError
from druid_reindex.model.account import ClusterInstance, LiveCluster, Volume

SESSION = boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1")
NAME = "druid-reindex-0"


@pytest.fixture
def stubbed() -> Iterator[tuple[EmrSurvey, Stubber]]:
    survey = EmrSurvey(SESSION)
    with Stubber(survey._emr) as stubber:
        yield survey, stubber
        stubber.assert_no_pending_responses()


def listed(emr: Stubber, *names: str) -> None:
    emr.add_response("list_security_configurations", {"SecurityConfigurations": [{"Name": each} for each in names]})


def described(emr: Stubber, text: str) -> None:
    emr.add_response("describe_security_configuration", {"Name": NAME, "SecurityConfiguration": text}, {"Name": NAME})


def test_a_stored_configuration_and_none(stubbed: tuple[EmrSurvey, Stubber]) -> None:
    survey, emr = stubbed
    listed(emr, "another", NAME)
    described(emr, '{"a": 1}')
    assert survey.security_configuration(NAME) == {"a": 1}
    listed(emr, "another")
    assert survey.security_configuration(NAME) is None


def test_a_refusal_is_no_answer(stubbed: tuple[EmrSurvey, Stubber]) -> None:
    survey, emr = stubbed
    emr.add_client_error("list_security_configurations", "AccessDeniedException", http_status_code=400)
    with pytest.raises(NotAuthorizedError):
        survey.security_configuration(NAME)


def test_public_access_and_releases(stubbed: tuple[EmrSurvey, Stubber]) -> None:
    survey, emr = stubbed
    block = {"BlockPublicSecurityGroupRules": True}
    about = {"CreationDateTime": 0, "CreatedByArn": "arn:aws:iam::111122223333:root"}
    answer = {"BlockPublicAccessConfiguration": block, "BlockPublicAccessConfigurationMetadata": about}
    emr.add_response("get_block_public_access_configuration", answer)
    assert survey.block_public_access() == block
    emr.add_response("list_release_labels", {"ReleaseLabels": ["emr-7.2.0"], "NextToken": "more"}, {})
    emr.add_response("list_release_labels", {"ReleaseLabels": ["emr-7.1.0"]}, {"NextToken": "more"})
    assert survey.release_labels() == {"emr-7.2.0", "emr-7.1.0"}
    applications = {"Applications": [{"Name": "Hadoop", "Version": "3.3.6"}]}
    emr.add_response("describe_release_label", applications, {"ReleaseLabel": "emr-7.2.0"})
    assert survey.applications("emr-7.2.0") == {"Hadoop": "3.3.6"}


def test_a_live_cluster(stubbed: tuple[EmrSurvey, Stubber]) -> None:
    survey, emr = stubbed
    cluster = {
        "Id": "j-1",
        "SecurityConfiguration": NAME,
        "KerberosAttributes": {"Realm": "EC2.INTERNAL", "KdcAdminPassword": ""},
        "LogUri": "s3://logs/",
        "LogEncryptionKmsKeyId": "arn:key",
        "ReleaseLabel": "emr-7.2.0",
        "Ec2InstanceAttributes": {
            "Ec2SubnetId": "subnet-1",
            "EmrManagedMasterSecurityGroup": "sg-1",
            "EmrManagedSlaveSecurityGroup": "sg-2",
            "ServiceAccessSecurityGroup": "sg-3",
        },
    }
    emr.add_response("describe_cluster", {"Cluster": cluster}, {"ClusterId": "j-1"})
    listed(emr, NAME)
    described(emr, "{}")
    groups = ("sg-1", "sg-2", "sg-3")
    assert survey.cluster("j-1") == LiveCluster(
        "j-1", NAME, {}, "EC2.INTERNAL", "s3://logs/", "arn:key", "emr-7.2.0", "subnet-1", groups
    )
    emr.add_client_error("describe_cluster", "InvalidRequestException", http_status_code=400)
    with pytest.raises(NotFoundError):
        survey.cluster("j-2")


def test_instances_by_their_ec2_id(stubbed: tuple[EmrSurvey, Stubber]) -> None:
    survey, emr = stubbed
    found = [
        {"Id": "ci-1", "Ec2InstanceId": "i-1", "Status": {"State": "RUNNING"}},
        {"Id": "ci-2", "Status": {"State": "AWAITING_FULFILLMENT"}},
    ]
    emr.add_response("list_instances", {"Instances": found}, {"ClusterId": "j-1"})
    assert survey.instances("j-1") == [
        ClusterInstance("i-1", "RUNNING"),
        ClusterInstance("ci-2", "AWAITING_FULFILLMENT"),
    ]


def test_volumes_of_instances() -> None:
    survey = EmrSurvey(SESSION)
    root = {
        "VolumeId": "vol-1",
        "Encrypted": True,
        "KmsKeyId": "arn:key",
        "Attachments": [{"InstanceId": "i-1", "Device": "/dev/xvda"}],
    }
    with Stubber(survey._ec2) as ec2:
        wanted = {"Filters": [{"Name": "attachment.instance-id", "Values": ["i-1", "i-2"]}]}
        ec2.add_response("describe_volumes", {"Volumes": [root]}, wanted)
        assert survey.volumes(["i-2", "i-1"]) == (Volume("vol-1", "i-1", "/dev/xvda", True, "arn:key"),)
    assert survey.volumes([]) == ()


def test_secrets_are_looked_for_and_not_read() -> None:
    with mock_aws():
        secrets = SESSION.client("secretsmanager")
        secrets.create_secret(Name="kdc", SecretString="hunter2")
        survey = EmrSurvey(SESSION)
        assert survey.secret_exists("kdc")
        found = survey.secret("kdc")
        assert found is not None
        assert (found.arn.startswith("arn:aws:secretsmanager:us-east-1:"), found.key_id) == (True, "")
        assert not survey.secret_exists("absent")
        key = "arn:aws:kms:us-east-1:111122223333:key/own"
        secrets.create_secret(Name="trust", SecretString="hunter2", KmsKeyId=key)
        trust = survey.secret("trust")
        assert trust is not None
        assert trust.key_id == key
        secrets.delete_secret(SecretId="kdc", RecoveryWindowInDays=7)
        assert not survey.secret_exists("kdc")
