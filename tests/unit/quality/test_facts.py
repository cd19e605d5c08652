"""What was found of a batch, as numbers."""

from __future__ import annotations

from dataclasses import replace

from druid_reindex.quality.facts import Seen, facts_of, with_total
from timelines import pipeline
from twins import segment

DAY = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
HOUR = "2026-09-01T05:00:00.000Z"
SHAPE = {"stored": 10, "nulls": {"code": 5}, "distinct": {"code": 3}, "negative": {}, "magnitude": {}}
BEYOND = "rows that servers announce beyond those that they answer"
SEEN = Seen({DAY: 10}, {DAY: {"events": 10}}, {DAY: {HOUR: 10}}, {DAY: SHAPE}, {DAY: [segment(DAY, rows=10)]})


def test_each_fact_by_chunk_check_and_column() -> None:
    found = facts_of(pipeline(), SEEN, {DAY: [HOUR, "2026-09-01T06:00:00.000Z"]})
    assert found[DAY, "rows", ""] == 10
    assert found[DAY, "sum", "events"] == 10
    assert found[DAY, "time", HOUR] == 10
    assert found[DAY, "time", "2026-09-01T06:00:00.000Z"] == 0
    assert found[DAY, "nulls", "code"] == 0.5
    assert found[DAY, "distinct", "code"] == 3
    assert found[DAY, "segments", "number"] == 1
    assert found[DAY, "segments", "bytes of the largest"] == 1000
    assert found[DAY, "segments", BEYOND] == 0


def test_columns_that_are_too_many_or_too_few() -> None:
    odd = replace(segment(DAY), dimensions=("code", "ssn"), metrics=("events",))
    found = facts_of(pipeline(), replace(SEEN, segments={DAY: [odd]}), {})
    assert found[DAY, "schema", "columns that the pipeline has not"] == 1
    assert found[DAY, "schema", "metrics that are missing"] == 1


def test_tombstones_and_what_is_left_of_longer_segments_are_nobodys() -> None:
    longer = segment("2026-09-01/2026-10-01", version="v0")
    tombstone = replace(segment(DAY, version="v2"), shard_spec_type="tombstone")
    found = facts_of(pipeline(), replace(SEEN, segments={DAY: [segment(DAY), longer, tombstone]}), {})
    assert (found[DAY, "segments", "number"], found[DAY, "segments", "versions"]) == (1, 1)


def test_rows_that_are_announced_but_not_answered() -> None:
    one = segment(DAY, rows=12)
    found = facts_of(pipeline(), replace(SEEN, segments={DAY: [one]}), {})
    assert found[DAY, "segments", BEYOND] == 2
    unknown = replace(one, num_rows=None)
    assert (DAY, "segments", BEYOND) not in facts_of(pipeline(), replace(SEEN, segments={DAY: [unknown]}), {})


def test_no_rows_are_no_nulls() -> None:
    empty = replace(SEEN, shape={DAY: SHAPE | {"stored": 0, "nulls": {"code": 0}}})
    assert facts_of(pipeline(), empty, {})[DAY, "nulls", "code"] == 0.0


def test_the_rows_of_the_batch_are_those_of_its_chunks() -> None:
    found = with_total({("a", "rows", ""): 3, ("b", "rows", ""): 4, ("b", "sum", "x"): 9}, "a/b")
    assert found["a/b", "rows", "the whole batch"] == 7
