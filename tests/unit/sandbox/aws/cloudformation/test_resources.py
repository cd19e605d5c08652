"""What nobody makes is refused by name, never left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from moto.cloudformation.exceptions import ValidationError

from druid_reindex.sandbox.aws.cloudformation.resources import HANDLERS, NOT_KEPT, Made, client, refuse_unknown


def test_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"Unrecognized resource types: \[AWS::Glue::Job\]"):
        refuse_unknown({"A": {"Type": "AWS::Glue::Job"}, "B": {"Type": "AWS::KMS::Key"}})


def test_an_attribute_that_makes_a_difference_is_refused() -> None:
    with pytest.raises(ValidationError, match="B: attributes that are not emulated: CreationPolicy"):
        refuse_unknown({"B": {"Type": "AWS::KMS::Key", "CreationPolicy": {}}})


@pytest.mark.parametrize(
    ("kind", "properties", "error"),
    [
        ("AWS::S3::Bucket", {"BucketName": "data", "WebsiteConfiguration": {}}, ValidationError),
        ("AWS::KMS::Key", {"MultiRegion": True}, ValidationError),
        ("AWS::RDS::DBInstance", {"DBInstanceName": "a", "DBInstanceClass": "b", "Engine": "c"}, ParamValidationError),
    ],
)
def test_an_unknown_property_is_refused_by_name(
    make: Callable[..., Made], kind: str, properties: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"WebsiteConfiguration|MultiRegion|DBInstanceName"):
        make(kind, properties)


def test_what_is_not_kept_is_of_types_that_are_made() -> None:
    assert NOT_KEPT.keys() <= HANDLERS.keys()


def test_a_client_heeds_no_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:1")
    client.cache_clear()
    assert client("kms", "us-east-1").meta.endpoint_url == "https://kms.us-east-1.amazonaws.com"
    client.cache_clear()
