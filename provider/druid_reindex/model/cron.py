"""Cron's five fields, judged and counted out without a scheduler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: dict[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)


def cron_defect(text: str) -> str:
    """What is wrong with the five-field cron expression ``text``; an empty text when nothing is."""
    if text in PRESETS:
        return f'write it out: "{PRESETS[text]}"'
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return f"it has {len(parts)} fields, not 5"
    values: list[set[int]] = []
    for field, part in zip(_FIELDS, parts, strict=True):
        try:
            values.append(set(_values(field, part)))
        except ValueError as wrong:
            return f"the {field.name} is {part!r}: {wrong}"
    if parts[4].startswith("*") and min(values[2]) > max(_LONGEST_MONTHS[month - 1] for month in values[3]):
        return "no such day ever comes"
    return ""


def fire_times(text: str, zone: ZoneInfo, first: date, last: date) -> Iterator[datetime]:
    """The instants (UTC) of the valid expression ``text`` on the days from ``first`` to ``last`` in ``zone``.

    A time that a clock skips fires when the clock has gone on, one that comes twice the second time; where the
    expression has every hour, a skipped one does not fire, and one that comes twice fires twice. So does Airflow.
    """
    minutes, hours, days, months, weekdays = (
        sorted(set(_values(field, part))) for field, part in zip(_FIELDS, text.split(), strict=True)
    )
    hourly = text.split()[1].startswith("*")
    either = not any(text.split()[place].startswith("*") for place in (2, 4))
    for number in range((last - first).days + 1):
        day = first + timedelta(number)
        falls = (day.day in days, bool({day.isoweekday() % 7, day.isoweekday()} & set(weekdays)))
        if day.month in months and (any(falls) if either else all(falls)):
            times = (time(hour, minute) for hour in hours for minute in minutes)
            yield from sorted(
                {at for each in times for at in _instants(datetime.combine(day, each, zone), hourly=hourly)}
            )


def _instants(local: datetime, *, hourly: bool) -> Iterator[datetime]:
    """When a clock of that zone shows ``local``, whose hour it may skip or show twice."""
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if not hourly:
        yield max(first, second)
    elif first <= second:  # otherwise no clock shows it
        yield from {first, second}


def _values(field: _Field, text: str) -> Iterator[int]:
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError("write numbers, lists (1,2), ranges (1-5), steps (*/2)")
        low = _number(field, match["low"]) if match["low"] else field.low
        open_ended = not match["low"] or (match["step"] and not match["high"])
        high = _number(field, match["high"]) if match["high"] else field.high if open_ended else low
        step = int(match["step"] or 1)
        if low > high or not step:
            raise ValueError("a range goes upwards, and a step is at least 1")
        yield from range(low, high + 1, step)


def _number(field: _Field, text: str) -> int:
    number = field.words.get(text.lower()) if not text.isdigit() else int(text)
    if number is None or not field.low <= number <= field.high:
        raise ValueError(f"it goes from {field.low} to {field.high}")
    return number
