"""Delivery: files, Regions, repetition, disorder, what the bucket refuses, and hours."""

from __future__ import annotations

import gzip
import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.gate import encryption
from druid_reindex.sandbox.aws.trail import bucket, delivery
from druid_reindex.sandbox.aws.trail.delivery import Clock, Pace
from recorded_account import DATA, TRAIL, Recorded, recorded_account

NAME = re.compile(
    r"AWSLogs/111122223333/CloudTrail/us-east-1/\d{4}/\d\d/\d\d/"
    r"111122223333_CloudTrail_us-east-1_\d{8}T\d{4}Z_[0-9A-Za-z]{16}\.json\.gz"
)


def ask(trail: Recorded, count: int) -> None:
    for _ in range(count):
        trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys")


def test_a_file_has_cloudtrails_name_and_its_place_in_a_digest(trail: Recorded) -> None:
    ask(trail, 3)
    made = trail.service.deliver()
    assert [bool(NAME.fullmatch(each)) for each in made.files] == [True]
    digest = json.loads(bucket.read(TRAIL, made.digests[0]))
    assert [each["s3Object"] for each in digest["logFiles"]] == made.files
    assert gzip.decompress(encryption.stored_object(TRAIL, made.files[0]).value)


def test_records_come_again_in_another_file_and_in_another_order(trail: Recorded) -> None:
    trail.service.delivery.pace = Pace(repeated=1.0, escaped=0)
    ask(trail, 12)
    records = trail.delivered()
    ids = [each["eventID"] for each in records]
    assert (len(ids), len(set(ids))) == (24, 12)
    made = [each["eventID"] for each in trail.service.spool.history()][::-1]
    assert ids[:12] != made


def test_slashes_are_escaped_in_some_files(trail: Recorded) -> None:
    trail.service.delivery.pace = Pace(repeated=0, escaped=1.0)
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/a/b")
    made = trail.service.deliver().files
    assert rb"a\/b" in bucket.read(TRAIL, made[0])
    assert trail.named("GetObject")[0]["requestParameters"]["key"] == "a/b"


def test_many_records_are_several_files(trail: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST_RECORDS", 2)
    ask(trail, 5)
    assert len(trail.service.deliver().files) == 3
    assert len(trail.named("ListKeys")) == 5


def test_what_the_bucket_refuses_waits_and_the_status_says_why(tmp_path: Path) -> None:
    with recorded_account(tmp_path, enforcing=True) as trail:
        ask(trail, 2)
        assert trail.service.deliver().files == []
        status = trail.ask("GetTrailStatus", Name="night")
        assert (status["LatestDeliveryError"], status["LatestDigestDeliveryError"]) == ("AccessDenied", "AccessDenied")
        trail.protect()
        assert len(trail.named("ListKeys")) == 2
        assert "LatestDeliveryError" not in trail.ask("GetTrailStatus", Name="night")


def test_the_use_of_the_trails_key_is_cloudtrails_own_and_no_reason_for_a_file(trail: Recorded) -> None:
    trail.trail.kms_key_id = trail.key.arn
    ask(trail, 1)
    trail.service.deliver()
    assert trail.service.spool.is_idle
    (record,) = trail.named("GenerateDataKey")
    assert record["userIdentity"] == {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}
    assert record["requestParameters"]["encryptionContext"]["aws:cloudtrail:arn"] == trail.trail.arn


def test_an_hour_without_anything_has_its_digest(trail: Recorded) -> None:
    now = datetime.now(UTC)
    assert trail.service.delivery.close_due(now) == []
    (first,) = trail.service.delivery.close_due(now + timedelta(hours=1))
    (second,) = trail.service.delivery.close_due(now + timedelta(hours=2))
    assert json.loads(bucket.read(TRAIL, second))["previousDigestS3Object"] == first
    assert json.loads(bucket.read(TRAIL, second))["logFiles"] == []


def test_two_digests_within_a_second_have_two_names(trail: Recorded) -> None:
    now = datetime.now(UTC)
    assert len({*trail.service.delivery.close(now), *trail.service.delivery.close(now)}) == 2


def test_without_validation_there_are_files_and_no_digests(trail: Recorded) -> None:
    trail.trail.log_validation = False
    ask(trail, 1)
    made = trail.service.deliver()
    assert (len(made.files), made.digests) == (1, [])


def test_records_of_a_trail_that_is_gone_are_dropped(trail: Recorded) -> None:
    ask(trail, 1)
    trail.ask("DeleteTrail", Name="night")
    made = trail.service.deliver()
    assert (made.files, made.digests) == ([], [])


def test_the_clock_delivers_what_is_due(trail: Recorded) -> None:
    trail.service.delivery.pace = Pace(every_seconds=0.01, repeated=0)
    ask(trail, 1)
    clock = Clock(trail.service.delivery, trail.service.spool)
    deadline = time.monotonic() + 20
    while not trail.service.spool.is_idle and time.monotonic() < deadline:
        time.sleep(0.01)
    clock.stop()
    assert trail.service.spool.is_idle
