"""SimulatePrincipalPolicy as boto3 sees it; what policies decide is told in iam/."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse

from druid_reindex.sandbox.aws import simulation
from druid_reindex.sandbox.aws.site import ACCOUNT

R = "arn:aws:iam::111122223333:role/nodes"
PASS = {
    "Effect": "Allow",
    "Action": "iam:PassRole",
    "Resource": R,
    "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
}


def test_the_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
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
            assert [each["SourcePolicyId"] for each in yes["MatchedStatements"]]
        with pytest.raises(ClientError, match="NoSuchEntity"):
            iam.simulate_principal_policy(PolicySourceArn=f"{user}x", ActionNames=["s3:GetObject"])
        odd = json.dumps({"Version": "2012-10-17", "Statement": PASS | {"Condition": {"Resembles": {"a": "b"}}}})
        iam_backends[ACCOUNT]["aws"].get_role("night").policies["odd"] = odd
        with pytest.raises(ClientError, match="unknown condition operator Resembles"):
            iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["iam:PassRole"])
