"""Roles, managed policies and instance profiles.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

from __future__ import annotations

import json

from druid_reindex.sandbox.aws.cloudformation.resources import Made, Wanted, resource


@resource("AWS::IAM::Role", "RoleName", "Description", "AssumeRolePolicyDocument", "Policies", "MaxSessionDuration")
def role(wanted: Wanted) -> Made:
    """A role with its trust policy and its inline policies."""
    iam, name = wanted.client("iam"), str(wanted.properties["RoleName"])
    trust = json.dumps(wanted.properties["AssumeRolePolicyDocument"])
    made = iam.create_role(
        AssumeRolePolicyDocument=trust, **wanted.without("AssumeRolePolicyDocument", "Policies")
    )["Role"]  # fmt: skip
    for policy in wanted.properties.get("Policies", ()):
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})


@resource("AWS::IAM::ManagedPolicy", "ManagedPolicyName", "Description", "PolicyDocument")
def managed_policy(wanted: Wanted) -> Made:
    """A policy that is attached by hand."""
    made = wanted.client("iam").create_policy(
        PolicyName=wanted.properties["ManagedPolicyName"],
        Description=wanted.properties["Description"],
        PolicyDocument=json.dumps(wanted.properties["PolicyDocument"]),
    )
    return Made(made["Policy"]["Arn"], {"PolicyArn": made["Policy"]["Arn"]})


@resource("AWS::IAM::InstanceProfile", "InstanceProfileName", "Roles")
def instance_profile(wanted: Wanted) -> Made:
    """An instance profile with its role."""
    iam, name = wanted.client("iam"), str(wanted.properties["InstanceProfileName"])
    made = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    for each in wanted.properties["Roles"]:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=each)
    return Made(name, {"Arn": made["Arn"]})
