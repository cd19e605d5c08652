"""The trail's bucket: its policy decides, and files lie there encrypted as the trail says."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.gate import encryption
from druid_reindex.sandbox.aws.trail import bucket
from druid_reindex.sandbox.aws.trail.bucket import NotDelivered
from recorded_account import TRAIL, Recorded, recorded_account

KEY = "AWSLogs/111122223333/x.json.gz"


def test_the_buckets_policy_lets_only_this_trail_write(tmp_path: Path) -> None:
    with recorded_account(tmp_path, enforcing=True) as trail:
        with pytest.raises(NotDelivered) as refused:
            bucket.put_log(trail.trail, KEY, b"{}", enforcing=True)
        assert refused.value.code == "AccessDenied"
        trail.protect()
        bucket.put_log(trail.trail, KEY, b"{}", enforcing=True)
        assert bucket.read(TRAIL, KEY) == b"{}"
        with pytest.raises(NotDelivered):
            bucket.put_log(trail.trail, "elsewhere/x.json.gz", b"{}", enforcing=True)


def test_logs_lie_under_the_trails_key_and_digests_under_s3s(trail: Recorded) -> None:
    trail.trail.kms_key_id = trail.key.arn
    pairs = bucket.put_log(trail.trail, KEY, b"{}", enforcing=False)
    assert pairs == {"aws:cloudtrail:arn": trail.trail.arn, "aws:s3:arn": f"arn:aws:s3:::{TRAIL}/{KEY}"}
    assert encryption.stored_object(TRAIL, KEY).kms_key_id == trail.key.arn
    bucket.put_digest(trail.trail, f"{KEY}2", b"{}", {"signature": "ab"}, enforcing=False)
    found = encryption.stored_object(TRAIL, f"{KEY}2")
    assert (found.encryption, found.metadata["x-amz-meta-signature"]) == ("AES256", "ab")


def test_a_key_that_does_not_let_cloudtrail_delivers_nothing(tmp_path: Path) -> None:
    with recorded_account(tmp_path, enforcing=True) as trail:
        trail.protect()
        trail.trail.kms_key_id = trail.key.arn
        with pytest.raises(NotDelivered):
            bucket.put_log(trail.trail, KEY, b"{}", enforcing=True)


def test_a_rewritten_and_a_removed_file(trail: Recorded) -> None:
    bucket.put_log(trail.trail, KEY, b"{}", enforcing=False)
    before = encryption.stored_object(TRAIL, KEY).etag
    bucket.rewrite(TRAIL, KEY, b"[]", {"signature": "cd"})
    assert bucket.read(TRAIL, KEY) == b"[]"
    assert encryption.stored_object(TRAIL, KEY).etag != before
    assert list(bucket.names(TRAIL, "AWSLogs/")) == [KEY]
    bucket.remove(TRAIL, KEY)
    for gone in (bucket.read, bucket.remove):
        with pytest.raises(KeyError):
            gone(TRAIL, KEY)


def test_a_trail_without_its_bucket(trail: Recorded) -> None:
    trail.trail.bucket_name = "gone"
    with pytest.raises(NotDelivered) as refused:
        bucket.put_log(trail.trail, KEY, b"{}", enforcing=False)
    assert refused.value.code == "NoSuchBucket"
