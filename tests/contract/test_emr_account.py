"""The account that exists when the emulator starts, over TLS."""

from __future__ import annotations

import json
import ssl
import urllib.request
import uuid
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from druid_reindex.sandbox.aws.account import key_arn
from druid_reindex.sandbox.aws.cloudformation.network import SECURITY_GROUPS, SUBNETS, VPC
from emulated_account import ARTIFACTS, LOGS_KEY, Emulator

KEYS = {
    "drx-phi-111122223333": "PhiKey",
    "drx-general-111122223333": "GeneralKey",
    ARTIFACTS: "LogsKey",
    "drx-logs-111122223333": "LogsKey",
}


@pytest.mark.parametrize("bucket", sorted(KEYS))
def test_an_object_gets_its_buckets_key(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="tests/object", Body=b"1")
    found = s3.head_object(Bucket=bucket, Key="tests/object")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key_arn(KEYS[bucket]))


def test_a_multipart_upload_of_an_archive_gets_the_key_too(s3: Any, tmp_path: Any) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(bytes(20_000_000))
    s3.upload_file(str(archive), ARTIFACTS, "tests/archive")
    found = s3.head_object(Bucket=ARTIFACTS, Key="tests/archive")
    assert (found["ContentLength"], found["SSEKMSKeyId"]) == (20_000_000, LOGS_KEY)


def test_keys_network_and_secret_have_the_fixed_ids(emulator: Emulator) -> None:
    assert emulator.client("kms").describe_key(KeyId=key_arn("PhiKey"))["KeyMetadata"]["Enabled"]
    ec2 = emulator.client("ec2")
    subnets = ec2.describe_subnets(SubnetIds=list(SUBNETS.values()))["Subnets"]
    assert {found["SubnetId"]: found["AvailabilityZone"] for found in subnets} == dict(
        zip(SUBNETS.values(), ("us-east-1a", "us-east-1b"), strict=True)
    )
    assert not any(found["MapPublicIpOnLaunch"] for found in subnets)
    groups = ec2.describe_security_groups(GroupIds=list(SECURITY_GROUPS.values()))["SecurityGroups"]
    assert {group["VpcId"] for group in groups} == {VPC}
    value = emulator.client("secretsmanager").get_secret_value(SecretId="druid-reindex/metadata")["SecretString"]
    assert json.loads(value)["user"] == "druid"


def test_users_roles_and_profiles(emulator: Emulator) -> None:
    assert emulator.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::111122223333:user/airflow"
    iam = emulator.client("iam")
    assert iam.get_instance_profile(InstanceProfileName="DrxEmrEc2Phi")["InstanceProfile"]["Roles"]
    trust = iam.get_role(RoleName="DrxEmrService")["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"Service": "elasticmapreduce.amazonaws.com"}
    role = "arn:aws:iam::111122223333:role/DrxAirflowPhi"
    assumed = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="drx1.abc.1")
    assert assumed["AssumedRoleUser"]["Arn"].endswith("assumed-role/DrxAirflowPhi/drx1.abc.1")


def test_bootstrap_scripts_are_in_the_artifacts_bucket(s3: Any) -> None:
    listed = s3.list_objects_v2(Bucket=ARTIFACTS, Prefix="bootstrap/")["Contents"]
    assert {"bootstrap/install_druid.sh", "bootstrap/druid_index.sh"} <= {item["Key"] for item in listed}


def test_each_request_has_a_uuid(s3: Any, emr: Any) -> None:
    answers = (s3.list_buckets(), emr.list_clusters())
    ids = [uuid.UUID(answer["ResponseMetadata"]["RequestId"]) for answer in answers]
    assert len(set(ids)) == 2


def test_a_client_that_trusts_other_authorities_is_not_served(emulator: Emulator) -> None:
    stranger = emulator.client("s3", verify=True, config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(SSLError):
        stranger.list_buckets()


def test_nobody_can_reset_the_account(emulator: Emulator) -> None:
    trusted = ssl.create_default_context(cafile=str(emulator.home.ca_file))
    address = f"{emulator.environment['AWS_ENDPOINT_URL']}/moto-api/reset"
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(address, method="POST"), context=trusted)
    refused.value.close()
    assert refused.value.code == 403
