"""The parts together: delivery on demand, chains that begin and end, sessions that services begin."""

from __future__ import annotations

import json

from druid_reindex.sandbox.aws.trail import bucket
from recorded_account import DATA, TRAIL, Recorded


def test_delivering_leaves_nothing_that_waits(trail: Recorded) -> None:
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/x")
    assert len(trail.service.deliver().files) == 1
    assert trail.service.deliver().files == []


def test_a_stopped_trail_ends_its_chain_and_a_started_one_begins_another(trail: Recorded) -> None:
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/before")
    trail.ask("StopLogging", Name="night")
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/meanwhile")
    assert trail.service.deliver().digests == []
    trail.ask("StartLogging", Name="night")
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/after")
    (digest,) = trail.service.deliver().digests
    assert json.loads(bucket.read(TRAIL, digest))["previousDigestS3Object"] is None
    records = trail.delivered()
    keys = [each["requestParameters"]["key"] for each in records if each["eventName"] == "GetObject"]
    assert sorted(keys) == ["after", "before"]
    assert {"StartLogging", "StopLogging"} <= {each["eventName"] for each in records}


def test_a_refused_stop_stops_nothing(trail: Recorded) -> None:
    bob = trail.account.user("bob")
    trail.account.json_ask(bob, "cloudtrail", "X.StopLogging", Name="night")
    assert trail.trail.status.is_logging
    assert len(trail.service.delivery.chains) == 1


def test_a_session_that_a_service_begins_is_recorded(trail: Recorded) -> None:
    role = "arn:aws:iam::111122223333:role/Nodes"
    trail.service.assumed("ec2.amazonaws.com", role, "i-0123", "ASIAX")
    (record,) = trail.named("AssumeRole")
    assert record["userIdentity"] == {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}
    assert record["requestParameters"] == {"roleArn": role, "roleSessionName": "i-0123"}
    assert record["responseElements"]["credentials"] == {"accessKeyId": "ASIAX"}
    assert record["sharedEventID"] != record["eventID"]
