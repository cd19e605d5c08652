"""Which records a trail wants, by AWS's documented selectors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from druid_reindex.sandbox.aws.trail.record import Recorded
from druid_reindex.sandbox.aws.trail.selectors import wants

READ = Recorded({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "readOnly": True,
                 "awsRegion": "us-east-1", "requestParameters": None, "eventCategory": "Data",
                 "userIdentity": {"arn": "arn:user/a"}}, "AWS::S3::Object", "arn:aws:s3:::phi/a/x")  # fmt: skip
WRITE = Recorded({**READ.record, "eventName": "PutObject", "readOnly": False}, READ.kind, READ.subject)
MANAGED = Recorded({**READ.record, "eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
                    "eventCategory": "Management"}, "management")  # fmt: skip
ROLE = Recorded({**MANAGED.record, "eventSource": "iam.amazonaws.com", "eventName": "GetRole"}, "management")


def trail(basic: list[dict[str, Any]], advanced: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    settings = {"status": SimpleNamespace(is_logging=True), "trail_name": "night", "arn": "arn:trail/night",
                "is_multi_region": True, "region_name": "us-east-1", "include_global_service_events": True,
                **more}  # fmt: skip
    return SimpleNamespace(get_event_selectors=lambda: (basic, advanced or []), **settings)


def data(*values: str, **more: Any) -> dict[str, Any]:
    return {"DataResources": [{"Type": "AWS::S3::Object", "Values": list(values)}], **more}


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        (None, [MANAGED, ROLE]),
        (data("arn:aws:s3:::phi/"), [READ, WRITE, MANAGED, ROLE]),
        (data("arn:aws:s3"), [READ, WRITE, MANAGED, ROLE]),
        (data("arn:aws:s3:::phi/a/"), [READ, WRITE, MANAGED, ROLE]),
        (data("arn:aws:s3:::phi/b/"), [MANAGED, ROLE]),
        (data("arn:aws:s3:::ph/"), [MANAGED, ROLE]),
        (data("arn:aws:s3:::phi/", IncludeManagementEvents=False), [READ, WRITE]),
        (data("arn:aws:s3:::phi/", ReadWriteType="WriteOnly"), [WRITE]),
        (data("arn:aws:s3:::phi/", ReadWriteType="ReadOnly"), [READ, MANAGED, ROLE]),
        ({"ExcludeManagementEventSources": ["kms.amazonaws.com"]}, [ROLE]),
    ],
)
def test_basic_selectors(selector: dict[str, Any] | None, wanted: list[Recorded]) -> None:
    asked = trail([selector] if selector is not None else [])
    assert [each for each in (READ, WRITE, MANAGED, ROLE) if wants(asked, each)] == wanted


def field(name: str, **test: list[str]) -> dict[str, Any]:
    return {"Field": name, **test}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ([field("eventCategory", Equals=["Management"])], [MANAGED, ROLE]),
        (
            [field("eventCategory", Equals=["Management"]), field("eventSource", NotEquals=["kms.amazonaws.com"])],
            [ROLE],
        ),
        (
            [field("eventCategory", Equals=["Data"]), field("resources.type", Equals=["AWS::S3::Object"])],
            [READ, WRITE],
        ),
        ([field("resources.ARN", StartsWith=["arn:aws:s3:::phi/"]), field("readOnly", Equals=["false"])], [WRITE]),
        ([field("eventCategory", Equals=["Data"]), field("resources.ARN", NotStartsWith=["arn:aws:s3:::phi/"])], []),
        ([field("eventName", EndsWith=["Object"]), field("eventName", NotEndsWith=["tObject"])], []),
        ([field("userIdentity.arn", NotEquals=["arn:user/a"])], []),
    ],
)
def test_advanced_selectors(fields: list[dict[str, Any]], wanted: list[Recorded]) -> None:
    asked = trail([], [{"FieldSelectors": fields}])
    assert [each for each in (READ, WRITE, MANAGED, ROLE) if wants(asked, each)] == wanted


def test_a_trail_of_one_region_and_one_that_is_stopped() -> None:
    abroad = Recorded({**MANAGED.record, "awsRegion": "eu-west-1"}, "management")
    one = trail([], is_multi_region=False, include_global_service_events=False)
    assert [wants(one, each) for each in (MANAGED, ROLE, abroad)] == [True, False, False]
    assert wants(trail([]), abroad)
    stopped = trail([], status=SimpleNamespace(is_logging=False))
    assert not wants(stopped, MANAGED)
    stop = {**MANAGED.record, "eventName": "StopLogging", "requestParameters": {"name": "night"}}
    assert wants(stopped, Recorded(stop, "management"))
    assert not wants(stopped, Recorded({**stop, "errorCode": "AccessDenied"}, "management"))
