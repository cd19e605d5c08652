"""Druid's intervals and segment granularities, in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

_ETERNITY = ("-146136543-09-08T08:23:32.096Z", "146140482-04-24T15:36:27.903Z")


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A half-open span ``[start, end)`` of UTC time, written ``start/end`` as Druid does."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise ValueError("an interval's ends are in UTC")
        if self.end < self.start:
            raise ValueError(f"the interval {self} ends before it starts")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The interval in ``text`` (``2026-09-01/2026-09-02``). Raises ValueError when it is not one."""
        start, separator, end = text.partition("/")
        if not separator:
            raise ValueError(f"{text!r} is not an interval: write start/end in ISO 8601")
        return cls(parse_instant(start), parse_instant(end))

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share any instant."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: Interval) -> bool:
        """Whether ``other`` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return f"{format_instant(self.start)}/{format_instant(self.end)}"


# What a calendar of four digits can write, day by day.
ALL_TIME = Interval(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def parse_instant(text: str) -> datetime:
    """The UTC instant in an ISO 8601 ``text``; a text without a zone is UTC.

    Raises ValueError, also for the ends of Druid's ETERNITY, which segments of granularity ALL have.
    Source: https://github.com/apache/druid/blob/25.0.0/core/src/main/java/org/apache/druid/java/util/common/Intervals.java
    """
    if text in _ETERNITY:
        raise ValueError(f"{text!r} is an end of Druid's ETERNITY: segments of granularity ALL have no time chunks")
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def format_instant(instant: datetime) -> str:
    """``instant`` as Druid writes it: ``2026-09-01T00:00:00.000Z``."""
    return f"{instant.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def umbrella(intervals: Iterable[Interval]) -> Interval:
    """The smallest interval that covers all of ``intervals``. Raises ValueError when there is none."""
    listed = list(intervals)
    return Interval(min(i.start for i in listed), max(i.end for i in listed))


class Granularity(StrEnum):
    """Druid's period granularities that a time chunk can have.

    Source: https://druid.apache.org/docs/latest/querying/granularities/
    """

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"

    @property
    def shortest_seconds(self) -> int:
        """The length of the shortest chunk of this granularity."""
        days = {"DAY": 1, "WEEK": 7, "MONTH": 28, "YEAR": 365}
        return 86_400 * days[self.value] if self.value in days else 3_600

    def chunk(self, instant: datetime) -> Interval:
        """The time chunk that ``instant`` (UTC) falls into."""
        day = instant.replace(hour=0, minute=0, second=0, microsecond=0)
        match self:
            case Granularity.HOUR:
                start = instant.replace(minute=0, second=0, microsecond=0)
                return Interval(start, start + timedelta(hours=1))
            case Granularity.DAY:
                return Interval(day, day + timedelta(days=1))
            case Granularity.WEEK:
                start = day - timedelta(days=day.weekday())
                return Interval(start, start + timedelta(days=7))
            case Granularity.MONTH:
                start = day.replace(day=1)
                return Interval(start, (start + timedelta(days=32)).replace(day=1))
            case Granularity.YEAR:
                start = day.replace(month=1, day=1)
                return Interval(start, start.replace(year=start.year + 1))

    def chunks(self, interval: Interval) -> Iterator[Interval]:
        """The time chunks that overlap ``interval``, in order."""
        instant = interval.start
        while instant < interval.end:
            chunk = self.chunk(instant)
            yield chunk
            instant = chunk.end
