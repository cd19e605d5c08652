"""CloudTrail's own answers."""

from __future__ import annotations

import base64

import pytest

from druid_reindex.sandbox.aws.trail.api import Limit
from druid_reindex.sandbox.aws.trail.lookup import Refused
from recorded_account import Recorded


def test_the_public_key_has_the_digests_fingerprint(trail: Recorded) -> None:
    (key,) = trail.ask("ListPublicKeys")["PublicKeyList"]
    assert base64.b64decode(key["Value"]) == trail.service.delivery.signer.public_key("us-east-1")[0]
    assert key["Fingerprint"] == trail.service.delivery.signer.fingerprint("us-east-1")
    assert trail.ask("ListPublicKeys", StartTime=0, EndTime=1)["PublicKeyList"] == []
    assert trail.ask("ListPublicKeys", StartTime=2, EndTime=1)["__type"] == "InvalidTimeRangeException"


def test_a_status_tells_what_was_delivered_and_when_it_stopped(trail: Recorded) -> None:
    before = trail.ask("GetTrailStatus", Name="night")
    assert before["IsLogging"] is True
    assert "LatestDeliveryTime" not in before
    trail.service.deliver()
    after = trail.ask("GetTrailStatus", Name=trail.trail.arn)
    assert {"LatestDeliveryTime", "LatestDigestDeliveryTime"} <= after.keys()
    assert "StopLoggingTime" not in after
    trail.ask("StopLogging", Name="night")
    stopped = trail.ask("GetTrailStatus", Name="night")
    assert stopped["IsLogging"] is False
    assert stopped["StopLoggingTime"] >= stopped["StartLoggingTime"]


def test_a_trail_that_is_not_there(trail: Recorded) -> None:
    assert trail.ask("GetTrailStatus", Name="another")["__type"].endswith("TrailNotFoundException")


def test_lookups_come_in_pages(trail: Recorded) -> None:
    for _ in range(3):
        trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys")
    first = trail.ask("LookupEvents", MaxResults=2)
    second = trail.ask("LookupEvents", NextToken=first["NextToken"])
    assert [each["EventName"] for each in first["Events"]] == ["ListKeys", "ListKeys"]
    assert [each["EventName"] for each in second["Events"]] == ["ListKeys"]
    assert trail.ask("LookupEvents")["__type"] == "ThrottlingException"


def test_two_a_second_in_each_region() -> None:
    now = [0.0]
    limit = Limit(lambda: now[0])
    limit.take("us-east-1")
    limit.take("us-east-1")
    limit.take("eu-west-1")
    with pytest.raises(Refused):
        limit.take("us-east-1")
    now[0] = 1.0
    limit.take("us-east-1")
