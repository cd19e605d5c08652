"""A night's plan: what must hold for any timeline, and what it says."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Reason
from druid_reindex.plan.planner import plan_night
from druid_reindex.plan.reading import windows
from druid_reindex.plan.timeline import serving
from timelines import WINDOW, chunks_of, one_job, pipeline, rebuild, segment, span, tombstone

VITALS = pipeline(
    partitioning={"target_rows_per_segment": 2_000, "target_segment_bytes": 1_000_000},
    policy={"max_chunks_per_batch": 4},
)
LENGTHS_HOURS = (1, 6, 24, 24, 24, 72)


@st.composite
def timelines(draw: st.DrawFn) -> list[Segment]:
    """Twelve days of segments of several lengths, sizes, versions and kinds; every chunk holds rows where it serves."""
    made: list[Segment] = []
    for version in range(draw(st.integers(1, 10))):
        hours = draw(st.sampled_from(LENGTHS_HOURS))
        start = WINDOW.start + timedelta(hours=hours * draw(st.integers(0, 288 // hours - 1)))
        interval = Interval(start, start + timedelta(hours=hours))
        rows = draw(st.sampled_from((None, 10, 900, 2_000, 9_000, 40_000)))
        size = draw(st.sampled_from((1_000, 400_000, 3_000_000)))
        count = draw(st.integers(1, 5))
        if draw(st.booleans()):
            made += one_job(interval, count, version=f"v{version}", rows=rows, size=size)
        else:
            made += [segment(interval, f"v{version}", n, rows=rows, size=size) for n in range(count)]
    if draw(st.booleans()):
        made.append(tombstone(Interval(WINDOW.start, WINDOW.start + timedelta(hours=6)), "v5a"))
    return made


@settings(max_examples=200, deadline=None)
@given(timelines())
def test_each_visible_span_of_a_chosen_chunk_is_read_exactly_once(segments: list[Segment]) -> None:
    plan = plan_night(VITALS, segments, WINDOW)
    chosen = [chunk.interval for chunk in chunks_of(plan)]
    expected = [
        (each.segment_id, piece.interval)
        for piece in serving(segments)
        if not piece.source.is_tombstone and any(interval.contains(piece.interval) for interval in chosen)
        for each in piece.source.segments
    ]
    read = [(w.segment.segment_id, w.interval) for batch in plan.batches for w in windows(batch.chunks)]
    assert sorted(read) == sorted(expected)
    assert len(read) == len(set(read))


@settings(max_examples=200, deadline=None)
@given(timelines())
def test_batches_are_alike_in_order_and_not_too_long(segments: list[Segment]) -> None:
    plan = plan_night(VITALS, segments, WINDOW)
    assert [batch.number for batch in plan.batches] == list(range(len(plan.batches)))
    for batch in plan.batches:
        assert 1 <= len(batch.chunks) <= 4
        assert {chunk.shards for chunk in batch.chunks} == {batch.shards}
        assert list(batch.intervals) == sorted(batch.intervals)
        listed = [each.segment_id for chunk in batch.chunks for each in chunk.segments]
        assert len(listed) == len(set(listed))
    intervals = sorted(chunk.interval for chunk in chunks_of(plan))
    assert all(left.end <= right.start for left, right in pairwise(intervals))


@settings(max_examples=300, deadline=None)
@given(timelines(), st.floats(0.5, 1.5))
def test_a_rebuilt_timeline_is_not_chosen_again(segments: list[Segment], byte_factor: float) -> None:
    first = plan_night(VITALS, segments, WINDOW)
    rebuilt = [*segments, *rebuild(VITALS, first, byte_factor=byte_factor, version="w")]
    again = plan_night(VITALS, rebuilt, WINDOW)
    assert again.is_empty, again.explanation


@settings(max_examples=100, deadline=None)
@given(timelines(), st.sets(st.integers(0, 11), max_size=8))
def test_nor_is_one_where_some_days_had_no_rows(segments: list[Segment], empty_days: set[int]) -> None:
    """Hadoop makes no segment for a time chunk without rows; a longer segment then stays visible there."""
    first = plan_night(VITALS, segments, WINDOW)
    made = rebuild(VITALS, first, version="w")
    wide = {c.interval for c in chunks_of(first) if c.interval.end - c.interval.start > timedelta(days=1)}
    kept = [
        each
        for each in made
        if each.interval.start == min((w.start for w in wide if w.contains(each.interval)), default=each.interval.start)
        or (each.interval.start - WINDOW.start).days not in empty_days
    ]
    again = plan_night(VITALS, [*segments, *kept], WINDOW)
    assert not [chunk for chunk in chunks_of(again) if chunk.interval in wide], again.explanation


@settings(max_examples=50, deadline=None)
@given(timelines(), st.randoms())
def test_the_same_segments_give_the_same_plan(segments: list[Segment], random: object) -> None:
    shuffled = sorted(segments, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert plan_night(VITALS, iter(shuffled), WINDOW) == plan_night(VITALS, segments, WINDOW)


def days(count: int) -> list[Segment]:
    start = WINDOW.start
    return [
        each
        for n in range(count)
        for each in one_job(Interval(start + timedelta(days=n), start + timedelta(days=n + 1)), 1)
    ]


def test_an_empty_plan_says_why() -> None:
    plan = plan_night(VITALS, days(35), WINDOW)
    assert plan.is_empty
    assert plan.considered_chunks == 35
    assert plan.explanation == (
        "35 time chunks considered between 2026-09-01 and 2026-10-06: "
        "each is served by one version in 1 segment; nothing to do"
    )


def test_a_datasource_without_segments_says_so() -> None:
    plan = plan_night(VITALS, [], WINDOW)
    assert plan.explanation == (
        "0 time chunks considered between 2026-09-01 and 2026-10-06: the datasource serves nothing there; nothing to do"
    )


def test_a_full_plan_counts_its_reasons() -> None:
    fragments = [segment("09-10/09-11", "2026-11", n) for n in range(9)]
    foreign = segment("09-12/09-13", "2026-11", metrics=("events",))
    plan = plan_night(VITALS, [*days(35), *fragments, foreign], WINDOW)
    assert plan.explanation == (
        "35 time chunks considered between 2026-09-01 and 2026-10-06: 2 to rebuild (fragmented 1, mixed schema 1)"
    )
    assert [chunk.reasons for chunk in chunks_of(plan)] == [(Reason.FRAGMENTED,), (Reason.MIXED_SCHEMA,)]


def test_a_chunk_that_reaches_beyond_the_window_is_left_alone() -> None:
    plan = plan_night(VITALS, [segment("08-15/09-03"), segment("09-03/09-04")], WINDOW)
    assert plan.is_empty
    assert "(1 time chunk left alone: segments reach beyond the window)" in plan.explanation


@pytest.mark.parametrize("forced", ["09-05/09-07", "09-05T13/09-06T01"])
def test_forced_chunks_are_rebuilt_whole(forced: str) -> None:
    plan = plan_night(VITALS, days(35), WINDOW, [span(forced)])
    assert [(str(c.interval)[5:10], c.reasons) for c in chunks_of(plan)] == [
        ("09-05", (Reason.FORCED,)),
        ("09-06", (Reason.FORCED,)),
    ]


def test_a_forced_chunk_may_lie_outside_the_window() -> None:
    old = one_job("07-01/07-02", 1)
    assert plan_night(VITALS, [*old, *days(3)], WINDOW, [span("07-01/07-02")]).considered_chunks == 4
    assert plan_night(VITALS, [*old, *days(3)], WINDOW).considered_chunks == 3


def test_batches_hold_chunks_of_equal_shards() -> None:
    sizes = (10, 9_000, 10, 9_000, 10, 10, 10)
    used = [segment(f"09-0{n + 1}/09-0{n + 2}", "v1", m, rows=rows) for n, rows in enumerate(sizes) for m in range(2)]
    plan = plan_night(VITALS, used, WINDOW)
    assert [(batch.shards, [str(i)[8:10] for i in batch.intervals]) for batch in plan.batches] == [
        (1, ["01", "03", "05", "06"]),
        (9, ["02", "04"]),
        (1, ["07"]),
    ]


def test_tombstones_are_listed_with_no_rows() -> None:
    (chunk,) = chunks_of(
        plan_night(VITALS, [segment("09-01/09-02", "v1"), tombstone("09-01T05/09-01T06", "v2")], WINDOW)
    )
    assert [(each.shard_spec_type, each.num_rows) for each in chunk.segments] == [("numbered", 10), ("tombstone", 0)]


def test_a_used_segment_that_serves_elsewhere_is_a_bystander() -> None:
    """Asked for the 20th alone, Druid finds the month visible too, and wants it listed; it is not read."""
    month = segment("09-01/10-01", "v1")
    late = [segment("09-20/09-21", "v2", n) for n in range(3)]
    plan = plan_night(VITALS, [month, *one_job("09-19/09-20", 1), *late], WINDOW)
    (batch,) = plan.batches
    assert [str(interval)[5:10] for interval in batch.intervals] == ["09-20"]
    assert batch.bystanders == (month,)
    assert month.segment_id not in {w.segment.segment_id for w in windows(batch.chunks)}


def test_an_overshadowed_segment_within_the_chunk_is_no_bystander() -> None:
    old = segment("09-20/09-21", "v1")
    (batch,) = plan_night(VITALS, [old, *(segment("09-20/09-21", "v2", n) for n in range(3))], WINDOW).batches
    assert batch.bystanders == ()
