"""CloudTrail's words for operations."""

from __future__ import annotations

from druid_reindex.evidence.event_names import NAMES, event_name
from druid_reindex.sandbox.aws.trail.events import s3_name
from trail_runs import call


def test_a_listing_has_cloudtrails_word_and_the_rest_its_own() -> None:
    assert event_name(call(1, operation="ListObjectsV2")) == "ListObjects"
    assert event_name(call(1, operation="GetObject")) == "GetObject"
    assert event_name(call(1, operation="ListObjectsV2", event_source="else.amazonaws.com")) == "ListObjectsV2"


def test_the_emulated_trail_which_is_written_from_the_same_page_says_the_same() -> None:
    assert {operation: s3_name(operation) for _, operation in NAMES} == {key[1]: name for key, name in NAMES.items()}
