"""The front before moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from druid_reindex.sandbox.aws.gate.services import ServiceAccess
from druid_reindex.sandbox.aws.redshift.api import Redshift
from druid_reindex.sandbox.aws.site import Site
from druid_reindex.sandbox.home import SandboxHome
from gated_account import Account, gated_account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with gated_account(tmp_path, enforcing=False) as found:
        home = SandboxHome(tmp_path / "home", tmp_path / "cache")
        redshift = Redshift(Site(home, "https://127.0.0.1:1"), ServiceAccess(found.records, enforcing=False))
        found.application = redshift(found.application)
        yield found
        redshift.data.stop()


def asked(account: Account, who: Credentials, target: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    service = "redshift-data" if target.startswith("RedshiftData") else "redshift-serverless"
    answer = account.json_ask(who, service, target, **parameters)
    return answer.status, json.loads(answer.body)


def test_without_postgresql_a_statement_fails_and_says_why(account: Account) -> None:
    who = account.user("tester")
    for operation, parameters in (("CreateNamespace", {}), ("CreateWorkgroup", {"workgroupName": "wg"})):
        status, _ = asked(account, who, f"RedshiftServerless.{operation}", namespaceName="ns", **parameters)
        assert status == 200
    status, made = asked(
        account, who, "RedshiftData.ExecuteStatement", Sql="SELECT 1", Database="dev", WorkgroupName="wg",
        WaitTimeSeconds=5,
    )  # fmt: skip
    assert (status, made["Status"], made["DbUser"]) == (200, "FAILED", "IAM:tester")
    _, found = asked(account, who, "RedshiftData.DescribeStatement", Id=made["Id"])
    assert "runs without the PostgreSQL" in found["Error"]


def test_what_is_not_emulated_and_who_is_not_known(account: Account) -> None:
    status, found = asked(account, account.user("tester"), "RedshiftData.ListSchemas")
    assert (status, found["__type"]) == (400, "ValidationException")
    assert "does not emulate ListSchemas" in found["Message"]
    stranger = Credentials("AKIAUNKNOWN", "secret")
    status, found = asked(account, stranger, "RedshiftData.ListStatements")
    assert (status, found["__type"]) == (400, "UnrecognizedClientException")


def test_credentials_of_a_cluster_that_is_not_there(account: Account) -> None:
    who = account.user("tester")
    form = {"Action": "GetClusterCredentialsWithIAM", "Version": "2012-12-01", "ClusterIdentifier": "drx"}
    assert account.query_ask(who, "redshift", **form).status == 404


def test_other_requests_pass(account: Account) -> None:
    who = account.user("tester")
    answer = account.query_ask(who, "redshift", Action="DescribeClusters", Version="2012-12-01")
    assert (answer.status, "Clusters" in answer.text) == (200, True)
