"""Workgroups and their namespaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from druid_reindex.sandbox.aws.redshift import serverless
from druid_reindex.sandbox.aws.redshift.refusals import ApiRefusal


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    serverless.forget()
    yield
    serverless.forget()


def test_a_workgroup_is_the_database_of_its_namespace() -> None:
    serverless.create_namespace(
        {"namespaceName": "ns", "dbName": "nights", "iamRoles": ["a"], "defaultIamRoleArn": "d"}
    )
    made = serverless.create_workgroup({"workgroupName": "wg", "namespaceName": "ns"})["workgroup"]
    for name in ("wg", made["workgroupArn"]):
        found = serverless.target(name)
        assert (found.name, found.database, found.roles, found.is_workgroup) == ("wg", "nights", ("d", "a"), True)
    assert serverless.get_workgroup({"workgroupName": "wg"})["workgroup"]["status"] == "AVAILABLE"
    assert serverless.get_namespace({"namespaceName": "ns"})["namespace"]["dbName"] == "nights"
    assert len(serverless.list_workgroups({})["workgroups"]) == 1


def test_what_is_there_already_or_not_at_all() -> None:
    serverless.create_namespace({"namespaceName": "ns"})
    with pytest.raises(ApiRefusal, match="already exists"):
        serverless.create_namespace({"namespaceName": "ns"})
    with pytest.raises(ApiRefusal, match="could not be found"):
        serverless.create_workgroup({"workgroupName": "wg", "namespaceName": "other"})
    with pytest.raises(ApiRefusal, match="endpoint doesn't exist"):
        serverless.target("wg")
