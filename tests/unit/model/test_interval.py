"""Tests of intervals and granularities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.interval import Granularity, Interval, format_instant, parse_instant, umbrella

INSTANTS = st.integers(86_400_000, 4_102_444_800_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))


def interval(text: str) -> Interval:
    return Interval.parse(text)


def test_druids_form_reads_back() -> None:
    text = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
    assert str(interval(text)) == text
    assert interval("2026-09-01/2026-09-02") == interval(text)


@pytest.mark.parametrize("text", ["2026-09-01", "2026-09-02/2026-09-01", "a/b", ""])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        interval(text)


def test_ends_are_utc() -> None:
    assert parse_instant("2026-09-01T02:00:00+02:00") == datetime(2026, 9, 1, tzinfo=UTC)
    berlin = timezone(timedelta(hours=2))
    with pytest.raises(ValueError, match="UTC"):
        Interval(datetime(2026, 9, 1, tzinfo=berlin), datetime(2026, 9, 2, tzinfo=berlin))


def test_half_open() -> None:
    assert not interval("2026-09-01/2026-09-02").overlaps(interval("2026-09-02/2026-09-03"))
    assert interval("2026-09-01/2026-09-03").contains(interval("2026-09-02/2026-09-03"))


def test_umbrella() -> None:
    days = [interval("2026-09-03/2026-09-04"), interval("2026-09-01/2026-09-02")]
    assert umbrella(days) == interval("2026-09-01/2026-09-04")


@given(INSTANTS, st.sampled_from(Granularity))
def test_a_chunk_holds_its_instant_and_its_neighbour_begins_where_it_ends(
    at: datetime, granularity: Granularity
) -> None:
    chunk = granularity.chunk(at)
    assert chunk.start <= at < chunk.end
    assert granularity.chunk(chunk.start) == chunk
    assert granularity.chunk(chunk.end).start == chunk.end
    assert (chunk.end - chunk.start).total_seconds() >= granularity.shortest_seconds


@given(INSTANTS, st.timedeltas(timedelta(hours=1), timedelta(days=40)), st.sampled_from(Granularity))
def test_chunks_cover_an_interval_without_gaps(start: datetime, length: timedelta, granularity: Granularity) -> None:
    wanted = Interval(start, start + length)
    chunks = list(granularity.chunks(wanted))
    assert chunks[0].start <= start
    assert chunks[-1].end >= wanted.end
    assert all(one.end == two.start for one, two in pairwise(chunks))


@given(INSTANTS)
def test_an_instant_reads_back_to_the_millisecond(at: datetime) -> None:
    assert abs(parse_instant(format_instant(at)) - at) < timedelta(milliseconds=1)
