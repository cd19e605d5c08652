"""Stacks are deployed in their order, and each one's outputs are the next one's parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.base_backend import BackendDict

from druid_reindex.sandbox.aws.cloudformation import deploy
from druid_reindex.sandbox.aws.service import emr_configs

TEMPLATES = emr_configs() / "cloudformation"
FIRST = """
Parameters:
  Name: {Type: String, Default: data}
  Zones: {Type: CommaDelimitedList, Default: "a,b"}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub "${Name}-${AWS::AccountId}-${Zone}"}
Outputs:
  BucketName: {Value: !Ref Bucket}
""".replace("${Zone}", "1")
SECOND = """
Parameters:
  BucketName: {Type: String}
  Given: {Type: String}
Conditions:
  Never: !Equals [!Ref Given, ""]
Resources:
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: !Ref BucketName, PolicyDocument: {Statement: [{Sid: !Ref Given}]}}
  Left:
    Type: AWS::S3::Bucket
    Condition: Never
    Properties: {BucketName: never}
Outputs:
  Address: {Value: !Sub "s3://${BucketName}/"}
"""


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., dict[str, str]]]:
    """Deploy stacks by name and text; the account is empty again afterwards."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "")
    monkeypatch.setattr(parsing, "resource_class_from_type", parsing.resource_class_from_type)

    def run(given: dict[str, str], **stacks: str) -> dict[str, str]:
        monkeypatch.setattr(deploy, "STACKS", tuple(stacks))
        for name, text in stacks.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return deploy.deploy(tmp_path, given)

    yield run
    BackendDict.reset()


def test_outputs_become_parameters_and_all_are_returned(deployed: Callable[..., dict[str, str]]) -> None:
    outputs = deployed({"Given": "Sid1"}, first=FIRST, second=SECOND)
    assert outputs == {"BucketName": "data-111122223333-1", "Address": "s3://data-111122223333-1/"}


def test_a_parameter_that_nobody_gives_is_missed(deployed: Callable[..., dict[str, str]]) -> None:
    with pytest.raises(Exception, match="Given"):
        deployed({}, first=FIRST, second=SECOND)


def test_a_type_that_nobody_makes_stops_the_stack(deployed: Callable[..., dict[str, str]]) -> None:
    with pytest.raises(ValidationError, match="AWS::Glue::Job"):
        deployed({}, first=FIRST.replace("AWS::S3::Bucket", "AWS::Glue::Job"))


def test_every_shipped_template_has_its_place() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.yaml")} == set(deploy.STACKS)
    assert len(deploy.STACKS) == len(set(deploy.STACKS))


def test_only_the_copies_lie_in_another_region() -> None:
    regions: dict[str, Any] = {stack: deploy.region_of(stack) for stack in deploy.STACKS}
    assert {stack for stack, region in regions.items() if region != "us-east-1"} == {"replica"}
