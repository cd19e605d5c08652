"""The chunks of a timeline, the reasons to rebuild one, and the number of its shards."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.model.interval import Granularity
from druid_reindex.model.segment import Segment
from druid_reindex.plan.chunks import reasons, shards_for, spans
from druid_reindex.plan.night import Reason
from druid_reindex.plan.timeline import serving
from timelines import DIMENSIONS, METRICS, one_job, pipeline, segment, span, tombstone

DAY = "09-01/09-02"
SMALL = pipeline(partitioning={"target_rows_per_segment": 10_000, "target_segment_bytes": 1_000_000})


def judged(segments: list[Segment], granularity: Granularity = Granularity.DAY) -> list[tuple[str, set[Reason]]]:
    """Each chunk that has data, as ``09-01/09-02``, and why it should be rebuilt."""
    found = [each for each in spans(serving(segments), granularity) if each.has_data]
    return [
        (f"{each.interval.start:%m-%d}/{each.interval.end:%m-%d}", set(reasons(SMALL, each, forced=False)))
        for each in found
    ]


def why(segments: list[Segment]) -> set[Reason]:
    ((_, found),) = judged(segments)
    return found


def test_one_segment_of_the_right_size_is_left_alone() -> None:
    assert why([segment(DAY)]) == set()


def test_many_small_appended_segments_are_fragmented() -> None:
    assert why([segment(DAY, number=n) for n in range(24)]) == {Reason.FRAGMENTED}
    assert why([segment(DAY, number=0), segment(DAY, number=1)]) == {Reason.FRAGMENTED}


def test_late_rows_beside_a_rebuilt_segment_are_fragmented() -> None:
    (whole,) = one_job(DAY, 1)
    late = segment(DAY, whole.version, 1, shard={"type": "numbered", "partitionNum": 1, "partitions": 1})
    assert why([whole, late]) == {Reason.FRAGMENTED}


@pytest.mark.parametrize(("rows", "expected"), [(4_000, set()), (2_499, {Reason.FRAGMENTED})])
def test_a_set_that_one_job_wrote_is_fragmented_only_far_below_the_target(rows: int, expected: set[Reason]) -> None:
    assert why(one_job(DAY, 2, rows=rows)) == expected


@pytest.mark.parametrize(("rows", "expected"), [(15_000, set()), (15_001, {Reason.OVERSIZED})])
def test_oversized_begins_beyond_half_as_much_again(rows: int, expected: set[Reason]) -> None:
    assert why(one_job(DAY, 2, rows=rows)) == expected
    assert why([segment(DAY, rows=rows)]) == expected


def test_bytes_count_too_and_alone_where_rows_are_unknown() -> None:
    assert why([segment(DAY, rows=None, size=2_000_000)]) == {Reason.OVERSIZED}
    assert why([segment(DAY, rows=5_000, size=2_000_000)]) == {Reason.OVERSIZED}


def test_segments_of_two_versions_in_one_chunk() -> None:
    assert why([segment("09-01T00/09-01T12", "v1"), segment("09-01T12/09-02T00", "v2")]) == {
        Reason.SEVERAL_VERSIONS,
        Reason.WRONG_GRANULARITY,
        Reason.FRAGMENTED,
    }


@pytest.mark.parametrize(
    ("dimensions", "metrics", "mixed"),
    [
        (DIMENSIONS, METRICS, False),
        (DIMENSIONS[:3], METRICS, False),
        ((), (), False),
        ((*DIMENSIONS, "patient_name"), METRICS, True),
        (DIMENSIONS, METRICS[:1], True),
        (DIMENSIONS, (*METRICS, "value_max"), True),
    ],
)
def test_columns_that_are_not_the_pipelines(dimensions: tuple[str, ...], metrics: tuple[str, ...], mixed: bool) -> None:
    assert (Reason.MIXED_SCHEMA in why([segment(DAY, dimensions=dimensions, metrics=metrics)])) is mixed


def test_columns_may_differ_within_one_job_but_not_among_jobs() -> None:
    def facts(number: int) -> dict[str, Any]:
        return {"number": number, "dimensions": DIMENSIONS[: 3 + number], "rows": 8_000}

    appended = [segment(DAY, **facts(n)) for n in range(2)]
    whole = [
        segment(DAY, shard={"type": "hashed", "partitionNum": n, "partitions": 2}, **facts(n)) for n in range(2)
    ]  # fmt: skip
    assert why(appended) == {Reason.MIXED_SCHEMA}
    assert why(whole) == set()


def test_hours_in_a_chunk_of_a_day() -> None:
    hours = [segment(f"09-01T0{n}/09-01T0{n + 1}", rows=9_000) for n in range(3)]
    assert judged(hours) == [("09-01/09-02", {Reason.WRONG_GRANULARITY})]


def test_a_month_is_never_cut_into_days() -> None:
    assert judged([segment("09-01/10-01"), segment("10-01/10-02")]) == [
        ("09-01/10-01", {Reason.WRONG_GRANULARITY}),
        ("10-01/10-02", set()),
    ]


def test_weeks_that_straddle_months_hold_the_months_together() -> None:
    months = [segment("09-28/10-05"), segment("10-26/11-02")]
    assert judged(months, Granularity.MONTH) == [("09-01/12-01", {Reason.WRONG_GRANULARITY})]


def test_what_a_rebuild_left_of_a_month_is_no_reason() -> None:
    """The 2nd had no rows: no segment was made for it, and the month is still what Druid finds there."""
    rebuilt = [segment("09-01/10-01", "2026-09-30"), *one_job("09-01/09-02", 1), *one_job("09-03/09-04", 1)]
    found = spans(serving(rebuilt), Granularity.DAY)
    assert [reason for each in found for reason in reasons(SMALL, each, forced=False)] == []
    assert [len(each.leftovers) for each in found] == [0, 1, 0, 1]


def test_hours_on_top_of_a_month_are_rebuilt_with_the_whole_month() -> None:
    both = [segment("09-01/10-01", "v1"), segment("09-15T05/09-15T06", "v2")]
    ((interval, found),) = judged(both)
    assert interval == "09-01/10-01"
    assert {Reason.WRONG_GRANULARITY, Reason.SEVERAL_VERSIONS} <= found


def test_an_empty_chunk_has_no_data_and_an_emptied_hour_is_the_wrong_granularity() -> None:
    assert judged([segment(DAY, "v1"), tombstone(DAY, "v2")]) == []
    emptied = [segment(DAY, "v1"), tombstone("09-01T05/09-01T06", "v2")]
    assert why(emptied) == {Reason.WRONG_GRANULARITY}


def test_an_emptied_day_does_not_make_a_month_a_leftover() -> None:
    emptied = [segment("09-01/10-01", "v1"), tombstone("09-15/09-16", "v2")]
    assert judged(emptied) == [("09-01/10-01", {Reason.WRONG_GRANULARITY})]


@pytest.mark.parametrize(
    ("rows", "size", "buckets", "shards"),
    [
        (10, 1_000, 1, 1),
        (10_000, 0, 1, 1),
        (10_001, 0, 1, 2),
        (10_000, 2_500_000, 1, 3),
        (None, 2_500_000, 1, 3),
        (90_000, 0, 30, 1),
        (600_001, 0, 30, 3),
        (2_500, 9_000_000, 1, 2),
    ],
)
def test_shards(rows: int | None, size: int, buckets: int, shards: int) -> None:
    assert shards_for(SMALL, [segment(DAY, rows=rows, size=size)], buckets) == shards


def test_one_unknown_count_makes_all_rows_unknown() -> None:
    assert shards_for(SMALL, [segment(DAY, rows=90_000), segment(DAY, number=1, rows=None)]) == 1


def test_spans_are_in_order_and_do_not_overlap() -> None:
    pieces = serving([segment("09-03/09-04"), segment("09-01/09-02"), segment("09-01T05/09-01T07", "2026-09-02")])
    assert [each.interval for each in spans(pieces, Granularity.DAY)] == [span("09-01/09-02"), span("09-03/09-04")]
