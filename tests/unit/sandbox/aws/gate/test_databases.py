"""What the Data API needs besides its own action."""

from __future__ import annotations

from druid_reindex.sandbox.aws.gate import databases
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.operations import Check
from druid_reindex.sandbox.aws.iam.principals import Principal

REDSHIFT = "arn:aws:redshift:us-east-1:111122223333"


def needed(operation: str = "ExecuteStatement", **parameters: str) -> list[tuple[str, str]]:
    return [(each.action, each.resource) for each in databases.checks(operation, parameters)]


def test_the_callers_own_user_or_another() -> None:
    target = {"ClusterIdentifier": "drx", "Database": "nights"}
    own = [("redshift:GetClusterCredentialsWithIAM", f"{REDSHIFT}:dbname:drx/nights")]
    assert needed(**target) == own
    assert needed("BatchExecuteStatement", **target) == own
    assert needed(**target, DbUser="boss") == [("redshift:GetClusterCredentials", f"{REDSHIFT}:dbuser:drx/boss")]
    assert needed(WorkgroupName="wg")[0][0] == "redshift-serverless:GetCredentials"
    assert needed("DescribeStatement", Id="x") == []


def test_a_policy_may_name_the_statements_owner() -> None:
    caller = Caller(Principal("a", "b", "c"), context={"aws:userid": ("AROA:one",)})
    databases.remember_owner("1234", caller)
    check = Check("redshift-data:DescribeStatement", "*")
    (found,) = databases.with_owner([check], {"Id": "1234:2"})
    assert found.context == {databases.OWNER_KEY: ("AROA:one",)}
    assert databases.with_owner([check], {"Id": "else"}) == [check]
