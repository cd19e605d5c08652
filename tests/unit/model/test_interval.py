"""Intervals and time chunks in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.interval import Granularity, Interval, format_instant, parse_instant, umbrella

INSTANTS = st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  (hypothesis wants bounds without a zone)
MILLISECONDS = INSTANTS.map(lambda instant: instant.replace(microsecond=instant.microsecond // 1000 * 1000))


def interval(text: str) -> Interval:
    return Interval.parse(text)


def test_an_interval_is_written_as_druid_does() -> None:
    assert str(interval("2026-09-01/2026-09-02")) == "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
    assert interval("2026-09-01T02:00:00+02:00/2026-09-02") == interval("2026-09-01/2026-09-02")


@given(MILLISECONDS)
def test_an_instant_survives_text(instant: datetime) -> None:
    assert parse_instant(format_instant(instant)) == instant


def test_early_years_keep_four_digits() -> None:
    assert format_instant(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-09-01", "write start/end"),
        ("2026-09-02/2026-09-01", "ends before it starts"),
        ("yesterday/today", "isoformat"),
        ("-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z", "ETERNITY"),
    ],
)
def test_what_is_no_interval_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        interval(text)


def test_only_utc() -> None:
    start = datetime(2026, 9, 1, tzinfo=UTC)
    for other in (start.replace(tzinfo=None), start.astimezone(timezone(timedelta(hours=1)))):
        with pytest.raises(ValueError, match="UTC"):
            Interval(start, other + timedelta(days=1))


def test_overlap_is_half_open() -> None:
    day = interval("2026-09-01/2026-09-02")
    assert not day.overlaps(interval("2026-09-02/2026-09-03"))
    assert day.overlaps(interval("2026-09-01T23:59:59/2026-09-03"))
    assert day.contains(interval("2026-09-01T05:00:00/2026-09-02"))
    assert not day.contains(interval("2026-09-01/2026-09-02T00:00:01"))


def test_an_umbrella_covers_all() -> None:
    parts = [interval("2026-09-03/2026-09-04"), interval("2026-09-01/2026-09-02")]
    assert umbrella(parts) == interval("2026-09-01/2026-09-04")
    with pytest.raises(ValueError, match="empty"):
        umbrella([])


@pytest.mark.parametrize("granularity", Granularity)
@given(instant=INSTANTS)
def test_an_instant_lies_in_its_chunk(granularity: Granularity, instant: datetime) -> None:
    chunk = granularity.chunk(instant)
    assert chunk.start <= instant < chunk.end
    assert granularity.chunk(chunk.start) == chunk
    assert granularity.chunk(chunk.end).start == chunk.end
    assert (chunk.end - chunk.start).total_seconds() >= granularity.shortest_seconds


@pytest.mark.parametrize(
    ("granularity", "chunk"),
    [
        (Granularity.HOUR, "2026-12-31T22:00:00/2026-12-31T23:00:00"),
        (Granularity.DAY, "2026-12-31/2027-01-01"),
        (Granularity.WEEK, "2026-12-28/2027-01-04"),
        (Granularity.MONTH, "2026-12-01/2027-01-01"),
        (Granularity.YEAR, "2026-01-01/2027-01-01"),
    ],
)
def test_chunks_at_the_end_of_a_year(granularity: Granularity, chunk: str) -> None:
    assert granularity.chunk(datetime(2026, 12, 31, 22, 30, tzinfo=UTC)) == interval(chunk)


def test_chunks_overlap_the_interval_in_order() -> None:
    assert list(Granularity.DAY.chunks(interval("2026-09-01T12:00:00/2026-09-03"))) == [
        interval("2026-09-01/2026-09-02"), interval("2026-09-02/2026-09-03"),
    ]  # fmt: skip
    assert not list(Granularity.DAY.chunks(interval("2026-09-01/2026-09-01")))
