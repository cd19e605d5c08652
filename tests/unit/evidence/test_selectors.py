"""What a trail records."""

from __future__ import annotations

from druid_reindex.evidence.selectors import S3_DATA_EVENTS, Selectors
from trail_runs import DATA, call


def test_an_operation_is_chosen_by_cloudtrails_word_for_it() -> None:
    listing = call(1, operation="ListObjectsV2", resources=(DATA,))
    assert not Selectors().records(listing)
    assert Selectors(management=False, s3_prefixes=(f"{DATA}/",)).records(listing)


def test_what_is_set_on_a_bucket_is_a_management_event() -> None:
    assert "PutBucketPolicy" not in S3_DATA_EVENTS
    assert Selectors().records(call(1, operation="PutBucketPolicy", resources=(DATA,)))
