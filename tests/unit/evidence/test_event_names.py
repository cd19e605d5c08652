"""CloudTrail's words for operations."""

from __future__ import annotations

from druid_reindex.evidence.event_names import event_name
from trail_runs import call


def test_a_listing_has_cloudtrails_word_and_the_rest_its_own() -> None:
    assert event_name(call(1, operation="ListObjectsV2")) == "ListObjects"
    assert event_name(call(1, operation="GetObject")) == "GetObject"
    assert event_name(call(1, operation="ListObjectsV2", event_source="else.amazonaws.com")) == "ListObjectsV2"
