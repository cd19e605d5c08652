"""Looks at an account, on moto where it is faithful and on documented answers elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from druid_reindex.clients.survey import AwsSurvey
from druid_reindex.errors import ConfigurationError, NotAuthorizedError, NotFoundError
from druid_reindex.model.account import BucketEncryption, CallerIdentity, Need, Permission

REGION = "us-east-1"
ROLE = "arn:aws:iam::111122223333:role/teams/DrxAirflowPhi"


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with mock_aws():
        yield boto3.Session("testing", "testing", region_name=REGION)


@pytest.fixture
def survey(session: boto3.Session) -> AwsSurvey:
    return AwsSurvey(session)


@pytest.fixture
def stubbed() -> Iterator[tuple[AwsSurvey, Stubber]]:
    survey = AwsSurvey(boto3.Session("AKIDEXAMPLE", "example", region_name=REGION))
    with Stubber(survey._iam) as stubber:
        yield survey, stubber
        stubber.assert_no_pending_responses()


def test_who_asks(survey: AwsSurvey) -> None:
    identity = survey.identity()
    assert identity.account == "123456789012"
    assert identity.arn.startswith("arn:aws:sts::123456789012:")


def test_an_assumed_role_is_its_role_with_its_path(stubbed: tuple[AwsSurvey, Stubber]) -> None:
    survey, iam = stubbed
    role = {"Arn": ROLE, "RoleName": "DrxAirflowPhi", "Path": "/teams/", "RoleId": "A" * 16, "CreateDate": 0}
    iam.add_response("get_role", {"Role": role}, {"RoleName": "DrxAirflowPhi"})
    caller = CallerIdentity("111122223333", "arn:aws:sts::111122223333:assumed-role/DrxAirflowPhi/drx1.x")
    assert survey.principal(caller) == ROLE
    user = CallerIdentity("111122223333", "arn:aws:iam::111122223333:user/airflow")
    assert survey.principal(user) == user.arn
    with pytest.raises(ConfigurationError, match="neither a user nor a role"):
        survey.principal(CallerIdentity("111122223333", "arn:aws:iam::111122223333:root"))


def test_permissions_are_simulated_for_each_resource_with_the_service_a_role_is_passed_to(
    stubbed: tuple[AwsSurvey, Stubber],
) -> None:
    survey, iam = stubbed
    entry = {
        "ContextKeyName": "iam:PassedToService",
        "ContextKeyValues": ["ec2.amazonaws.com"],
        "ContextKeyType": "string",
    }
    asked = {
        "PolicySourceArn": ROLE,
        "ActionNames": ["iam:PassRole"],
        "ResourceArns": ["arn:r"],
        "ContextEntries": [entry],
    }
    iam.add_response("simulate_principal_policy", decided("iam:PassRole", "allowed"), asked)
    via = {"ContextKeyName": "kms:ViaService", "ContextKeyValues": ["s3"], "ContextKeyType": "string"}
    asked = {"PolicySourceArn": ROLE, "ActionNames": ["s3:GetObject"], "ResourceArns": ["*"], "ContextEntries": [via]}
    iam.add_response("simulate_principal_policy", decided("s3:GetObject", "implicitDeny"), asked)
    needs = [
        Need(("iam:PassRole",), "arn:r", "ec2.amazonaws.com"),
        Need(("s3:GetObject",), conditions={"kms:ViaService": "s3"}),
    ]
    assert survey.permissions(ROLE, needs) == [
        Permission("iam:PassRole", "arn:r", "allowed"),
        Permission("s3:GetObject", "*", "implicitDeny"),
    ]


def decided(action: str, decision: str) -> dict[str, Any]:
    result = {"EvalActionName": action, "EvalResourceName": "*", "EvalDecision": decision}
    return {"EvaluationResults": [result], "IsTruncated": False}


def test_a_refused_simulation_is_no_decision(stubbed: tuple[AwsSurvey, Stubber]) -> None:
    survey, iam = stubbed
    iam.add_client_error("simulate_principal_policy", "AccessDenied", http_status_code=403)
    with pytest.raises(NotAuthorizedError):
        survey.permissions(ROLE, [Need(("s3:GetObject",))])


def test_the_role_of_an_instance_profile(session: boto3.Session, survey: AwsSurvey) -> None:
    iam = session.client("iam")
    iam.create_instance_profile(InstanceProfileName="nodes")
    with pytest.raises(ConfigurationError, match="it has no role"):
        survey.role_of_instance_profile("nodes")
    arn = iam.create_role(RoleName="nodes", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="nodes")
    assert survey.role_of_instance_profile("nodes") == arn == survey.role("nodes")
    with pytest.raises(NotFoundError):
        survey.role_of_instance_profile("absent")


def test_the_tenancy_of_vpcs(session: boto3.Session, survey: AwsSurvey) -> None:
    ec2 = session.client("ec2")
    own = ec2.create_vpc(CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated")["Vpc"]["VpcId"]
    shared = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    assert survey.tenancies([own, shared, "vpc-0123456789abcdef0"]) == {own: "dedicated", shared: "default"}


def test_a_key_and_a_missing_key(session: boto3.Session, survey: AwsSurvey) -> None:
    kms = session.client("kms")
    made = kms.create_key()["KeyMetadata"]
    found = survey.key(made["KeyId"])
    assert (found.arn, found.state, found.manager, found.spec) == (
        made["Arn"],
        "Enabled",
        "CUSTOMER",
        "SYMMETRIC_DEFAULT",
    )
    assert survey.key_policy(made["KeyId"])["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    signs = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    assert survey.key(signs).usage == "SIGN_VERIFY"
    kms.schedule_key_deletion(KeyId=signs, PendingWindowInDays=7)
    assert survey.key(signs).deletes_at is not None
    kms.disable_key(KeyId=made["KeyId"])
    assert survey.key(made["Arn"]).state == "Disabled"
    with pytest.raises(NotFoundError):
        survey.key(f"arn:aws:kms:{REGION}:123456789012:key/11111111-1111-4111-8111-111111111111")


def test_a_subnet_with_a_route_to_an_internet_gateway_is_not_private(session: boto3.Session, survey: AwsSurvey) -> None:
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    inner, outer = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"] for block in ("10.0.0.0/24", "10.0.1.0/24")
    )
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=outer)
    found = {subnet.subnet_id: subnet for subnet in survey.subnets([inner, outer, "subnet-0123456789abcdef0"])}
    assert set(found) == {inner, outer}
    assert found[inner].is_private
    assert found[outer].internet_gateways == (gateway,)
    assert found[inner].vpc_id == vpc
    assert survey.subnets(["subnet-0123456789abcdef0"]) == []


def test_security_groups_that_exist(session: boto3.Session, survey: AwsSurvey) -> None:
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="primary", Description="primary", VpcId=vpc)["GroupId"]
    (found,) = survey.security_groups([group, "sg-0123456789abcdef0"])
    assert (found.group_id, found.vpc_id, found.public_ingress) == (group, vpc, ())


def test_rules_that_let_everybody_in(session: boto3.Session, survey: AwsSurvey) -> None:
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="primary", Description="primary", VpcId=vpc)["GroupId"]
    rule: Any = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    open_to: Any = {
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}, {"CidrIp": "128.0.0.0/1"}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0"}, {"CidrIpv6": "2001:db8::/32"}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule | open_to])
    (found,) = survey.security_groups([group])
    everywhere = ("0.0.0.0/0", "128.0.0.0/1", "::/0")
    assert found.public_ingress == tuple(f"tcp 22-22 from {each}" for each in everywhere)


def test_default_encryption_by_arn_by_id_and_none(session: boto3.Session, survey: AwsSurvey) -> None:
    s3, key = session.client("s3"), session.client("kms").create_key()["KeyMetadata"]
    s3.create_bucket(Bucket="drx-data")
    assert survey.bucket_encryption("drx-data").key_arn == ""
    for named in (key["Arn"], key["KeyId"]):
        default: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": named}
        s3.put_bucket_encryption(
            Bucket="drx-data",
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
        )
        assert survey.bucket_encryption("drx-data") == BucketEncryption("aws:kms", key["Arn"])
    with pytest.raises(NotFoundError):
        survey.bucket_encryption("drx-absent")


def test_a_bucket_that_may_not_be_read_is_no_answer(survey: AwsSurvey) -> None:
    with Stubber(survey._s3) as s3:
        s3.add_client_error("get_bucket_encryption", "AccessDenied", http_status_code=403)
        with pytest.raises(NotAuthorizedError):
            survey.bucket_encryption("drx-data")
