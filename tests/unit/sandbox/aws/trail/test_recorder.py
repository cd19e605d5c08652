"""The middleware: what it adds to answers, and what it keeps."""

from __future__ import annotations

from druid_reindex.sandbox.aws.trail import recorder
from druid_reindex.sandbox.aws.trail.recorder import trails
from recorded_account import DATA, Recorded


def test_answers_have_ids_and_bodies_are_whole(trail: Recorded) -> None:
    trail.account.s3.put_object(DATA, "x", b"content")
    got = trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/x")
    assert got.body == b"content"
    assert got.headers["x-amz-request-id"]
    assert got.headers["x-amz-id-2"]
    missing = trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/none")
    assert "<Code>NoSuchKey</Code>" in missing.text
    assert trail.account.query_ask(trail.alice, "sts", Action="GetCallerIdentity", Version="x").headers[
        "x-amzn-requestid"
    ]


def test_a_record_is_there_before_the_answer_is_used(trail: Recorded) -> None:
    trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys")
    assert [each["eventName"] for each in trail.service.spool.history()] == ["ListKeys"]


def test_a_buckets_key_is_asked_for_once_by_each_requester(trail: Recorded) -> None:
    trail.encrypt(bucket_key=True)
    for name in ("a", "b", "a"):
        trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/{name}", b"content")
    dave = trail.account.user("dave", {"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"})
    trail.account.s3_ask(dave, "PUT", f"/{DATA}/c", b"content")
    uses = trail.named("GenerateDataKey")
    assert [each["userIdentity"]["userName"] for each in uses].count("alice") == 1
    assert [each["userIdentity"]["userName"] for each in uses].count("dave") == 1
    contexts = {each["requestParameters"]["encryptionContext"]["aws:s3:arn"] for each in uses}
    assert contexts == {f"arn:aws:s3:::{DATA}"}


def test_the_memory_of_buckets_keys_is_bounded(trail: Recorded) -> None:
    trail.encrypt(bucket_key=True)
    kept = trail.service.recorder._bucket_keys
    kept.update({(str(number),): 0.0 for number in range(recorder.MOST_BUCKET_KEYS)})
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/x", b"content")
    assert len(kept) == 1


def test_a_trail_that_does_not_want_data_has_none(trail: Recorded) -> None:
    trail.select(DataResources=[])
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/x", b"content")
    trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys")
    assert {each["eventName"] for each in trail.delivered()} == {"ListKeys"}


def test_every_regions_trails_are_known(trail: Recorded) -> None:
    assert [each.arn for each in trails()] == [trail.trail.arn]
