"""Segments, counted."""

from __future__ import annotations

from druid_reindex.model.used_set import count_sets
from timelines import DIMENSIONS, METRICS, one_job, segment, span, tombstone


def test_a_set_is_counted_by_interval_and_version() -> None:
    one, other = count_sets([*one_job("09-01/09-02", 3, size=7), segment("09-01/09-02", "v9", size=5)])
    assert (one.interval, one.segments, one.size_bytes, one.partitions) == (span("09-01/09-02"), 3, 21, 0b111)
    assert (one.core, one.is_one_job, one.columns) == (3, True, {(DIMENSIONS, METRICS)})
    assert (other.version, other.core, other.is_one_job) == ("v9", 0, False)
    assert one.num_rows is None


def test_only_a_whole_core_set_is_one_job() -> None:
    whole = one_job("09-01/09-02", 2, version="v1")
    appended = segment("09-01/09-02", "v1", 2, shard={"type": "numbered", "partitionNum": 2, "partitions": 2})
    other_core = segment("09-01/09-02", "v1", 1, shard={"type": "numbered", "partitionNum": 1, "partitions": 3})
    nothing = tombstone("09-01/09-02", "v1")
    for odd in (whole[:1], [*whole, appended], [*whole, whole[1]], [whole[0], other_core], [nothing]):
        (used,) = count_sets(odd)
        assert not used.is_one_job


def test_another_kind_of_shard_says_nothing_of_its_core() -> None:
    (used,) = count_sets(one_job("09-01/09-02", 2, kind="single"))
    assert (used.core, used.is_one_job) == (None, False)
