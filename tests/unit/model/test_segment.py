"""Tests of segments as Druid describes them."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.model.segment import Segment


def payload(**changed: Any) -> dict[str, Any]:
    return {
        "dataSource": "vitals",
        "interval": "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z",
        "version": "2026-10-01T02:30:00.000Z",
        "dimensions": "a,b",
        "metrics": "events",
        "shardSpec": {"type": "numbered", "partitionNum": 3, "partitions": 4},
        "size": 10,
        **changed,
    }


def test_the_id_is_druids() -> None:
    head = "vitals_2026-09-01T00:00:00.000Z_2026-09-02T00:00:00.000Z_2026-10-01T02:30:00.000Z"
    assert Segment.from_payload(payload()).segment_id == f"{head}_3"
    first = payload(shardSpec={"type": "numbered", "partitionNum": 0, "partitions": 4})
    assert Segment.from_payload(first).segment_id == head
    assert Segment.from_payload(payload(shardSpec=None)).segment_id == head


@pytest.mark.parametrize("dimensions", ["a,b", ["a", "b"]])
def test_columns_come_as_text_or_as_a_list(dimensions: object) -> None:
    assert Segment.from_payload(payload(dimensions=dimensions)).dimensions == ("a", "b")


def test_no_columns() -> None:
    assert Segment.from_payload(payload(dimensions="", metrics=None)).metrics == ()


def test_the_payload_is_kept_whole() -> None:
    given = payload(loadSpec={"type": "s3_zip", "bucket": "b", "key": "k"}, unknown=1)
    assert Segment.from_payload(given).payload == given


@pytest.mark.parametrize("missing", ["dataSource", "interval", "version", "size"])
def test_what_is_no_segment_is_refused(missing: str) -> None:
    broken = payload()
    del broken[missing]
    with pytest.raises(KeyError):
        Segment.from_payload(broken)
