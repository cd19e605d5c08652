"""Roles with their policies, and profiles with their roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from druid_reindex.sandbox.aws.cloudformation.resources import Made

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
ROLE = {
    "RoleName": "Node",
    "Description": "a node",
    "AssumeRolePolicyDocument": TRUST,
    "Policies": [{"PolicyName": "node", "PolicyDocument": POLICY}],
}


def test_a_role_has_its_trust_and_its_policies(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    made = make("AWS::IAM::Role", ROLE)
    found = aws("iam").get_role(RoleName=made.id)["Role"]
    assert (found["Arn"], found["AssumeRolePolicyDocument"]) == (made.attributes["Arn"], TRUST)
    assert aws("iam").get_role_policy(RoleName="Node", PolicyName="node")["PolicyDocument"] == POLICY


def test_a_profile_has_its_role(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    make("AWS::IAM::Role", ROLE)
    made = make("AWS::IAM::InstanceProfile", {"InstanceProfileName": "Nodes", "Roles": ["Node"]})
    found = aws("iam").get_instance_profile(InstanceProfileName=made.id)["InstanceProfile"]
    assert [role["RoleName"] for role in found["Roles"]] == ["Node"]


def test_a_managed_policy_is_known_by_its_arn(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    asked = {"ManagedPolicyName": "Worker", "Description": "a worker", "PolicyDocument": POLICY}
    made = make("AWS::IAM::ManagedPolicy", asked)
    assert aws("iam").get_policy(PolicyArn=made.id)["Policy"]["PolicyName"] == "Worker"
