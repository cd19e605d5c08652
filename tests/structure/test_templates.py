"""The CloudFormation templates and the policies in them: named, narrow, explained, and within AWS's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.sandbox.aws.cloudformation.deploy import STACKS, template

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "emr_configs" / "cloudformation").glob("*.yaml"))
POLICIES = sorted((ROOT / "emr_configs" / "iam").glob("*.json"))
EXPLAINED = (ROOT / "docs" / "iam.md").read_text(encoding="utf-8")
# Inline policies of one role, without white space: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
ROLE_POLICY_CHARACTERS = 10_240
# https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
KEY_POLICY_BYTES = 32_768
# A body in the request: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
TEMPLATE_BYTES = 51_200
# Actions on no resource or on any: the Service Authorization Reference gives them no resource type to name.
UNNARROWED = {
    "cloudtrail:DescribeTrails", "cloudtrail:ListPublicKeys",
    "ec2:Describe*", "ec2:GetEbsEncryptionByDefault", "elasticmapreduce:CreateSecurityConfiguration",
    "elasticmapreduce:DeleteSecurityConfiguration", "elasticmapreduce:Describe*", "elasticmapreduce:Get*",
    "elasticloadbalancing:Describe*", "elasticmapreduce:List*", "elasticmapreduce:RunJobFlow",
    "redshift-data:CancelStatement", "redshift-data:DescribeStatement", "redshift-data:GetStatementResult",
    "redshift-data:ListStatements",
}  # fmt: skip
by_name = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
by_policy = pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)


def documents(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every policy document in a template."""
    if isinstance(value, dict):
        if "Statement" in value and "Version" in value:
            yield value
        for inner in value.values():
            yield from documents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from documents(inner)


def one_or_many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def is_trust(document: Mapping[str, Any]) -> bool:
    return all("sts:AssumeRole" in one_or_many(each["Action"]) for each in document["Statement"])


def test_there_are_templates_and_policies() -> None:
    assert {path.stem for path in TEMPLATES} == set(STACKS)
    assert len(POLICIES) > 8


@by_name
def test_every_statement_has_a_name_that_is_explained(path: Path) -> None:
    found = [each for each in documents(template(path.read_text())["Resources"]) if not is_trust(each)]
    for document in found:
        names = [each["Sid"] for each in document["Statement"]]
        assert len(names) == len(set(names))
        missing = [name for name in names if not re.search(rf"`([^`\n]+/)?{name}`", EXPLAINED)]
        assert not missing, f"{path.name}: say in docs/iam.md what these are for"


@by_policy
def test_every_statement_of_a_policy_is_explained_under_its_file(path: Path) -> None:
    section = re.search(rf"^## `{path.name}`$(.*?)^## ", EXPLAINED, re.MULTILINE | re.DOTALL)
    assert section, f"docs/iam.md has no section `{path.name}`"
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", section[1], re.MULTILINE))))
    assert told == {each["Sid"] for each in json.loads(path.read_text())["Statement"]}


@by_policy
def test_nothing_is_allowed_on_everything_that_could_be_narrowed(path: Path) -> None:
    for statement in json.loads(path.read_text())["Statement"]:
        if statement["Effect"] == "Allow" and "*" in one_or_many(statement["Resource"]) and path.stem != "auditor":
            for action in one_or_many(statement["Action"]):
                known = [re.escape(each).replace(r"\*", ".*") for each in UNNARROWED]
                assert any(re.fullmatch(each, action) for each in known), (statement["Sid"], action)
        assert "*" not in {action.partition(":")[2] for action in one_or_many(statement["Action"])} or (
            statement["Effect"] == "Deny"
        )


@pytest.mark.parametrize("side", ["airflow_general", "cluster_general"])
def test_general_roles_name_protected_things_in_refusals_alone(side: str) -> None:
    for statement in json.loads((ROOT / f"emr_configs/iam/{side}.json").read_text())["Statement"]:
        text = json.dumps(statement)
        named = any(each in text for each in ("drx-phi-", "11111111-", "44444444-", "Ec2Phi", "AirflowPhi"))
        assert named == (statement["Sid"] in {"DenyProtectedData", "DenyProtectedKeys", "DenyProtectedRole"})


@by_policy
def test_a_policy_fits_into_its_role(path: Path) -> None:
    compact = json.dumps(json.loads(path.read_text()), separators=(",", ":"))
    assert len(compact) < ROLE_POLICY_CHARACTERS


@by_name
def test_a_template_fits_into_a_request(path: Path) -> None:
    assert path.stat().st_size < TEMPLATE_BYTES


@by_name
def test_keys_and_buckets_outlive_their_stack(path: Path) -> None:
    for name, each in template(path.read_text())["Resources"].items():
        if each["Type"] in {"AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"}:
            assert (each["DeletionPolicy"], each["UpdateReplacePolicy"]) == ("Retain", "Retain"), name
        if each["Type"] == "AWS::KMS::Key":
            assert len(json.dumps(each["Properties"]["KeyPolicy"])) < KEY_POLICY_BYTES


def test_a_parameter_is_an_earlier_output_or_the_persons_to_give() -> None:
    known: set[str] = set()
    given: set[str] = set()
    for stack in STACKS:
        document = template((ROOT / f"emr_configs/cloudformation/{stack}.yaml").read_text())
        slots = document["Parameters"]
        given |= {name for name, slot in slots.items() if name not in known and "Default" not in slot}
        known |= document["Outputs"].keys()
    assert given == {"AirflowPrincipalArn"}
