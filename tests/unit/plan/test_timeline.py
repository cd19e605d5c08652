"""The visible part of a timeline, against a reference that looks at every hour by itself.

The same rules were compared once with Druid 25.0.0's own ``SegmentTimeline`` on 4,000 random timelines: they differ
only where two intervals of one version overlap, which Druid refuses in some orders and serves in others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.errors import IntegrityError
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.timeline import serving, visible, visible_segments
from timelines import one_job, segment, span, tombstone

MIDNIGHT = span("09-01/09-02").start
HOURS = 12


@st.composite
def timelines(draw: st.DrawFn) -> list[Segment]:
    """Sets of any kind, some with a partition missing; each interval has a version of its own."""
    made: list[Segment] = []
    for version in draw(st.permutations(range(draw(st.integers(1, 6))))):
        start = draw(st.integers(0, HOURS - 1))
        end = draw(st.integers(start + 1, HOURS))
        interval = Interval(MIDNIGHT + timedelta(hours=start), MIDNIGHT + timedelta(hours=end))
        made += draw(st.sampled_from((_whole, _appended, _empty)))(interval, f"v{version}", draw(st.integers(1, 3)))
    missing = draw(st.sets(st.integers(0, len(made) - 1), max_size=2))
    return [each for index, each in enumerate(made) if index not in missing]


def _whole(interval: Interval, version: str, size: int) -> list[Segment]:
    return one_job(interval, size, version=version)


def _appended(interval: Interval, version: str, size: int) -> list[Segment]:
    return [segment(interval, version, number) for number in range(size)]


def _empty(interval: Interval, version: str, size: int) -> list[Segment]:
    return [tombstone(interval, version)][:size]


def reference(segments: Sequence[Segment], hour: int) -> set[str]:
    """The ids that serve at ``hour``: those of the highest version whose core partitions are all there."""
    instant = Interval(MIDNIGHT + timedelta(hours=hour), MIDNIGHT + timedelta(hours=hour + 1))
    best: tuple[str, set[str]] = ("", set())
    for version in {each.version for each in segments if each.interval.contains(instant)}:
        parts = [each for each in segments if each.version == version and each.interval.contains(instant)]
        core = max(each.payload["shardSpec"]["partitions"] for each in parts)
        if set(range(core)) <= {each.partition_num for each in parts} and version > best[0]:
            best = (version, {each.segment_id for each in parts})
    return best[1]


@settings(max_examples=300, deadline=None)
@given(timelines())
def test_what_serves_at_each_hour_is_what_the_reference_says(segments: list[Segment]) -> None:
    pieces = serving(iter(segments))
    for hour in range(HOURS):
        instant = Interval(MIDNIGHT + timedelta(hours=hour), MIDNIGHT + timedelta(hours=hour + 1))
        here = [piece for piece in pieces if piece.interval.overlaps(instant)]
        assert len(here) <= 1
        assert {each.segment_id for each in visible_segments(here)} == reference(segments, hour)


@settings(max_examples=100, deadline=None)
@given(timelines(), st.randoms())
def test_the_order_of_the_segments_does_not_matter(segments: list[Segment], random: object) -> None:
    shuffled = sorted(segments, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert serving(shuffled) == serving(segments)


@settings(max_examples=100, deadline=None)
@given(timelines())
def test_pieces_are_in_order_within_their_sets_and_as_long_as_they_can_be(segments: list[Segment]) -> None:
    pieces = serving(segments)
    for left, right in pairwise(pieces):
        assert left.interval.end <= right.interval.start
        assert left.source != right.source or left.interval.end < right.interval.start
    assert all(piece.source.interval.contains(piece.interval) for piece in pieces)


def test_a_newer_version_inside_an_older_one_leaves_two_pieces_of_it() -> None:
    pieces = serving([segment("09-01/10-01", "v1"), segment("09-10/09-11", "v2")])
    assert [(str(p.interval)[5:10], p.source.version) for p in pieces] == [
        ("09-01", "v1"),
        ("09-10", "v2"),
        ("09-11", "v1"),
    ]
    assert [found.version for found in visible([segment("09-01/10-01", "v1"), segment("09-10/09-11", "v2")])] == [
        "v1",
        "v2",
    ]


def test_versions_are_compared_as_text() -> None:
    (piece,) = serving([segment("09-01/09-02", "9"), segment("09-01/09-02", "10")])
    assert piece.source.version == "9"


def test_an_incomplete_newer_set_overshadows_nothing() -> None:
    (piece,) = serving([segment("09-01/09-02", "v1"), *one_job("09-01/09-02", 2, version="v2")[:1]])
    assert piece.source.version == "v1"


def test_overlapping_intervals_of_one_version_are_refused() -> None:
    with pytest.raises(IntegrityError, match="both carry version v1"):
        serving([segment("09-01/10-01", "v1"), segment("09-10/09-11", "v1")])


def test_they_are_not_when_a_newer_one_covers_both() -> None:
    (piece,) = serving([segment("09-01/10-01", "v1"), segment("09-10/09-11", "v1"), segment("09-01/10-01", "v2")])
    assert piece.source.version == "v2"
