"""What policies decide, and the operation as boto3 sees it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.iam.responses import IamResponse

from druid_reindex.sandbox.aws import simulation
from druid_reindex.sandbox.aws.simulation import ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY, PolicyEvaluation, decide

R = "arn:aws:iam::111122223333:role/nodes"
PASS = {
    "Effect": "Allow",
    "Action": "iam:PassRole",
    "Resource": R,
    "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
}


def statement(effect: str = "Allow", action: object = "s3:Get*", resource: object = "arn:b/runs/*") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("statements", "action", "resource", "decision"),
    [
        ([statement()], "s3:GetObject", "arn:b/runs/1", ALLOWED),
        ([statement()], "S3:getobject", "arn:b/runs/1", ALLOWED),
        ([statement()], "s3:GetObject", "arn:B/runs/1", IMPLICIT_DENY),
        ([statement()], "s3:PutObject", "arn:b/runs/1", IMPLICIT_DENY),
        ([statement()], "s3:GetObject", "*", IMPLICIT_DENY),
        ([statement(resource=["arn:x", "*"])], "s3:GetObject", "*", ALLOWED),
        ([statement(action=["s3:PutObject", "s3:Get?bject"])], "s3:GetObject", "arn:b/runs/1", ALLOWED),
        ([statement(), statement("Deny", "*", "*")], "s3:GetObject", "arn:b/runs/1", EXPLICIT_DENY),
        ([], "s3:GetObject", "arn:b/runs/1", IMPLICIT_DENY),
    ],
)
def test_a_decision(statements: list[dict[str, Any]], action: str, resource: str, decision: str) -> None:
    assert decide(statements, action, resource, {}) == decision


def test_a_condition_needs_its_key() -> None:
    for service, decision in (("ec2.amazonaws.com", ALLOWED), ("lambda.amazonaws.com", IMPLICIT_DENY)):
        assert decide([PASS], "iam:PassRole", R, {"iam:passedtoservice": [service]}) == decision
    assert decide([PASS], "iam:PassRole", R, {}) == IMPLICIT_DENY
    like = PASS | {"Condition": {"StringLike": {"iam:PassedToService": "ec2.*"}}}
    assert decide([like], "iam:PassRole", R, {"iam:passedtoservice": ["ec2.amazonaws.com"]}) == ALLOWED


@pytest.mark.parametrize(
    "odd",
    [{"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}, PASS | {"Condition": {"Bool": {"a": "true"}}}],
)
def test_what_is_not_emulated_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(PolicyEvaluation, match="does not evaluate"):
        decide([odd], "iam:PassRole", R, {})


def test_the_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IamResponse, "simulate_principal_policy", None, raising=False)
    simulation.install()
    with mock_aws():
        iam = boto3.client("iam", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        role = iam.create_role(RoleName="night", Path="/teams/", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        user = iam.create_user(UserName="airflow")["User"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": PASS})
        attached = iam.create_policy(PolicyName="pass", PolicyDocument=policy)["Policy"]["Arn"]
        iam.attach_user_policy(UserName="airflow", PolicyArn=attached)
        iam.put_role_policy(RoleName="night", PolicyName="pass", PolicyDocument=policy)
        entry = {
            "ContextKeyName": "iam:PassedToService",
            "ContextKeyValues": ["ec2.amazonaws.com"],
            "ContextKeyType": "string",
        }
        for arn in (role, user):
            (yes, no) = iam.simulate_principal_policy(
                PolicySourceArn=arn,
                ActionNames=["iam:PassRole", "s3:GetObject"],
                ResourceArns=[R],
                ContextEntries=[entry],
            )["EvaluationResults"]
            assert (yes["EvalActionName"], yes["EvalResourceName"], yes["EvalDecision"]) == (
                "iam:PassRole",
                R,
                "allowed",
            )
            assert no["EvalDecision"] == "implicitDeny"
        with pytest.raises(ClientError, match="NoSuchEntity"):
            iam.simulate_principal_policy(PolicySourceArn=f"{user}x", ActionNames=["s3:GetObject"])
