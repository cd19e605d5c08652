"""Druid's ``DataSegment`` JSON as a value."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.model.segment import Segment

PAYLOAD: dict[str, Any] = {
    "dataSource": "vitals",
    "interval": "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z",
    "version": "2026-10-01T00:00:00.000Z",
    "dimensions": "code,units",
    "metrics": "events",
    "shardSpec": {"type": "hashed", "partitionNum": 3, "partitions": 4},
    "size": 1234,
}
HEAD = "vitals_2026-09-01T00:00:00.000Z_2026-09-02T00:00:00.000Z_2026-10-01T00:00:00.000Z"


def made_of(**changes: Any) -> Segment:
    return Segment.from_payload(PAYLOAD | changes)


def test_a_segment_keeps_what_druid_says() -> None:
    made = Segment.from_payload(PAYLOAD, num_rows=7)
    assert (made.dimensions, made.metrics) == (("code", "units"), ("events",))
    assert (made.partition_num, made.shard_spec_type, made.size_bytes, made.num_rows) == (3, "hashed", 1234, 7)
    assert made.payload is PAYLOAD


def test_columns_as_a_list_or_missing() -> None:
    made = made_of(dimensions=["code", "units"], metrics=None)
    assert (made.dimensions, made.metrics) == (("code", "units"), ())


@pytest.mark.parametrize(
    ("shard_spec", "partition_num"),
    [
        (None, 0),
        ({"type": "none"}, 0),
        ({"type": "linear", "partitionNum": 2}, 2),
        ({"type": "x", "partitionId": 5}, 5),
    ],
)
def test_old_shard_specs(shard_spec: dict[str, Any] | None, partition_num: int) -> None:
    assert made_of(shardSpec=shard_spec).partition_num == partition_num


def test_the_id_is_druids() -> None:
    assert made_of().segment_id == f"{HEAD}_3"
    assert made_of(shardSpec=None).segment_id == HEAD


@pytest.mark.parametrize("name", ["dataSource", "interval", "version", "size"])
def test_a_payload_without_its_identity_is_refused(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        Segment.from_payload({key: value for key, value in PAYLOAD.items() if key != name})


def test_a_segment_of_all_time_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="ETERNITY"):
        made_of(interval="-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z")
