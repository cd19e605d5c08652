"""Which database, and as whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.redshift import targets
from druid_reindex.sandbox.aws.redshift.refusals import ApiRefusal
from druid_reindex.sandbox.aws.site import ACCOUNT

ROLE = "arn:aws:iam::111122223333:role/DrxRedshift"


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        boto3.client("redshift", region_name="us-east-1").create_cluster(
            ClusterIdentifier="drx", NodeType="ra3.large", MasterUsername="boss", MasterUserPassword="Secret-12345",
            DBName="nights", IamRoles=[ROLE],
        )  # fmt: skip
        yield


def test_the_clusters_database() -> None:
    found = targets.target({"ClusterIdentifier": "drx", "Database": "nights"})
    assert (found.name, found.database, found.roles) == ("drx", "nights", (ROLE,))
    assert targets.master(found) == "boss"
    assert targets.user_arn(found, "x") == "arn:aws:redshift:us-east-1:111122223333:dbuser:drx/x"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"Database": "nights"}, "Exactly one"),
        ({"ClusterIdentifier": "drx", "WorkgroupName": "w", "Database": "nights"}, "Exactly one"),
        ({"ClusterIdentifier": "drx"}, "Database is required"),
        ({"ClusterIdentifier": "drx", "Database": "x"}, 'database "x" does not exist'),
        ({"ClusterIdentifier": "other", "Database": "x"}, "endpoint doesn't exist"),
    ],
)
def test_no_such_database(request_: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiRefusal, match=said):
        targets.target(request_)


@pytest.mark.parametrize(
    ("identity", "expected"), [("role/DrxAirflowPhi", "IAMR:DrxAirflowPhi"), ("user/operator", "IAM:operator")]
)
def test_the_user_of_an_identity(identity: str, expected: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:{identity}"
    assert targets.user(Caller(Principal(arn, arn, ACCOUNT))) == expected
