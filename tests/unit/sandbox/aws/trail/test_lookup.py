"""Queries of the event history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from druid_reindex.sandbox.aws.trail import lookup
from druid_reindex.sandbox.aws.trail.lookup import Refused

REGION = "us-east-1"


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "eventID": str(number), "eventName": "Decrypt", "eventSource": "kms.amazonaws.com", "awsRegion": REGION,
        "eventTime": f"2026-11-22T05:00:{number:02}Z", "readOnly": True, "requestID": "r",
        "userIdentity": {"type": "IAMUser", "userName": "alice", "accessKeyId": "AKIAX"}, **more,
    }  # fmt: skip


HISTORY = [
    event(9, resources=[{"type": "AWS::KMS::Key", "ARN": "arn:key", "accountId": "1"}]),
    event(8, userIdentity={"type": "AssumedRole", "principalId": "AROAX:drx1.a.1", "accessKeyId": "ASIAX"}),
    event(7, eventName="RunJobFlow", readOnly=False),
    event(6, awsRegion="eu-west-1"),
]


def ids(**asked: Any) -> list[str]:
    return [each["EventId"] for each in lookup.page(HISTORY, lookup.query(REGION, asked))["Events"]]


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("EventId", "8", ["8"]),
        ("EventName", "RunJobFlow", ["7"]),
        ("ReadOnly", "true", ["9", "8"]),
        ("Username", "drx1.a.1", ["8"]),
        ("ResourceName", "arn:key", ["9"]),
        ("ResourceType", "AWS::KMS::Key", ["9"]),
        ("EventSource", "kms.amazonaws.com", ["9", "8", "7"]),
        ("AccessKeyId", "ASIAX", ["8"]),
    ],
)
def test_attributes(key: str, value: str, found: list[str]) -> None:
    assert ids(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}]) == found


def test_times_are_inclusive_and_another_region_has_its_own() -> None:
    moment = 1795323607.0
    assert ids(StartTime=moment, EndTime=moment + 1) == ["8", "7"]
    abroad = lookup.page(HISTORY, lookup.query("eu-west-1", {}))["Events"]
    assert [each["EventId"] for each in abroad] == ["6"]
    assert json.loads(abroad[0]["CloudTrailEvent"]) == HISTORY[3]


def test_there_are_no_insights() -> None:
    assert ids(EventCategory="insight") == []


def test_a_page_goes_on_where_the_last_one_ended_whatever_came_meanwhile() -> None:
    first = lookup.page(HISTORY, lookup.query(REGION, {"MaxResults": 1}))
    asked = {"MaxResults": 1, "NextToken": first["NextToken"]}
    later = [event(10), *HISTORY]
    assert [each["EventId"] for each in lookup.page(later, lookup.query(REGION, asked))["Events"]] == ["8"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"MaxResults": 0}, "InvalidMaxResultsException"),
        ({"StartTime": 2, "EndTime": 1}, "InvalidTimeRangeException"),
        ({"LookupAttributes": [{"AttributeKey": "Color", "AttributeValue": "x"}]}, "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{}, {}]}, "InvalidLookupAttributesException"),
        ({"NextToken": "nonsense"}, "InvalidNextTokenException"),
    ],
)
def test_what_aws_refuses(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        lookup.query(REGION, asked)
    assert refused.value.code == code


def test_a_token_of_another_query() -> None:
    token = lookup.page(HISTORY, lookup.query(REGION, {"MaxResults": 1}))["NextToken"]
    with pytest.raises(Refused):
        lookup.query(REGION, {"NextToken": token, "EndTime": 5})
