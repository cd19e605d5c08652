"""CloudTrail's words for operations, as the evidence and the emulated trail have them, each from AWS's page."""

from __future__ import annotations

from druid_reindex.evidence.event_names import NAMES
from druid_reindex.sandbox.aws.trail.events import s3_name


def test_the_emulated_trail_which_is_written_from_the_same_page_says_the_same() -> None:
    assert {operation: s3_name(operation) for _, operation in NAMES} == {key[1]: name for key, name in NAMES.items()}
