"""The table of operations: its rows name real operations, and say what each needs."""

from __future__ import annotations

import botocore.session
import pytest

from druid_reindex.sandbox.aws.emr.api import COMMANDS, MOTO_OPERATIONS, QUERIES
from druid_reindex.sandbox.aws.gate import operations
from druid_reindex.sandbox.aws.gate.operations import Check, Owner, checks, encryption_context
from gated_account import Account

CLUSTER = "arn:aws:elasticmapreduce:us-east-1:111122223333:cluster/"
ROLE = "arn:aws:iam::111122223333:role/"


def needed(service: str, operation: str, **parameters: object) -> list[tuple[str, str]]:
    return [(check.action, check.resource) for check in checks(service, operation, parameters) or []]


def test_every_row_is_an_operation_that_botocore_knows() -> None:
    models = botocore.session.get_session()
    unknown = [
        f"{service}:{operation}"
        for service, operation in operations._table()
        if operation not in models.get_service_model(service).operation_names
    ]
    assert unknown == []


def test_every_parameter_that_a_row_names_is_one_of_the_operation() -> None:
    models = botocore.session.get_session()
    wrong = []
    for (service, operation), rows in operations._table().items():
        members = models.get_service_model(service).operation_model(operation).input_shape
        known = set(members.members) if members is not None else set()
        for row in rows:
            if row.when and row.when not in known:
                wrong.append(f"{service}:{operation} {row.when}")
            if (
                row.kind != "*"
                and row.parameters != ("",)
                and not known & {part for name in row.parameters for part in name.split("+")}
            ):
                wrong.append(f"{service}:{operation} {row.parameters}")
    assert wrong == []


def test_every_operation_of_the_emulated_emr_has_a_row() -> None:
    for operation in {*COMMANDS, *QUERIES, *MOTO_OPERATIONS}:
        assert checks("emr", operation, {}) is not None, operation


def test_an_operation_that_is_not_there() -> None:
    assert checks("kms", "ConnectCustomKeyStore", {}) is None


def test_launching_a_cluster_passes_roles_and_tags(account: Account) -> None:
    found = checks("emr", "RunJobFlow", {
        "ServiceRole": "service", "JobFlowRole": "profile", "Tags": [{"Key": "Drx-Run", "Value": "1"}]
    })  # fmt: skip
    assert found is not None
    assert [(check.action, check.resource) for check in found] == [
        ("elasticmapreduce:RunJobFlow", "*"),
        ("iam:PassRole", f"{ROLE}service"),
        ("iam:PassRole", f"{ROLE}profile"),
        ("elasticmapreduce:AddTags", f"{CLUSTER}*"),
    ]
    assert [check.context.get("iam:passedtoservice") for check in found[1:3]] == [
        ("elasticmapreduce.amazonaws.com",),
        ("ec2.amazonaws.com",),
    ]
    assert found[0].context["elasticmapreduce:requesttag/drx-run"] == ("1",)
    assert found[0].context["aws:tagkeys"] == ("Drx-Run",)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("emr", "DescribeCluster", {"ClusterId": "j-1"}, [("elasticmapreduce:DescribeCluster", f"{CLUSTER}j-1")]),
        ("emr", "TerminateJobFlows", {"JobFlowIds": ["j-1", "j-2"]},
         [("elasticmapreduce:TerminateJobFlows", f"{CLUSTER}j-{number}") for number in (1, 2)]),
        ("emr", "ListClusters", {}, [("elasticmapreduce:ListClusters", "*")]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "a/b"},
         [("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:111122223333:secret:a/b-??????")]),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:111122223333:t"},
         [("sns:Publish", "arn:aws:sns:us-east-1:111122223333:t")]),
        ("kms", "ListKeys", {}, [("kms:ListKeys", "*")]),
    ],
)  # fmt: skip
def test_what_an_operation_needs(
    account: Account, service: str, operation: str, parameters: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert needed(service, operation, **parameters) == expected


def test_keys_and_roles_have_a_say_of_their_own(account: Account) -> None:
    (kms,) = checks("kms", "DescribeKey", {"KeyId": "k", "EncryptionContext": {"A": "b"}}) or []
    assert (kms.owner, kms.owner_arn) == (Owner.KEY, "arn:aws:kms:us-east-1:111122223333:key/k")
    assert kms.context["kms:encryptioncontext:a"] == ("b",)
    (assume,) = checks("sts", "AssumeRole", {"RoleArn": f"{ROLE}night", "RoleSessionName": "run"}) or []
    assert (assume.owner, assume.context["sts:rolesessionname"]) == (Owner.ROLE, ("run",))
    (get,) = checks("iam", "GetRole", {"RoleName": "night"}) or []
    assert get == Check("iam:GetRole", f"{ROLE}night")


def test_an_encryption_context_gives_its_keys_and_its_pairs() -> None:
    assert encryption_context({"A": "b"}) == {"kms:encryptioncontextkeys": ("A",), "kms:encryptioncontext:a": ("b",)}
