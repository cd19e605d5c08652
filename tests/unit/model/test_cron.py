"""Cron's five fields."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from druid_reindex.model.cron import PRESETS, cron_defect, fire_times


@pytest.mark.parametrize(
    "text",
    [
        "30 2 * * *", "*/15 0-6 1,15 * 1-5", "0 0 29 2 *", "0 0 1 jan,JUL mon-fri", "5/10 * * * *", "0 0 * * 7",
        "0 0 31 2 mon", *PRESETS.values(),
    ],
)  # fmt: skip
def test_what_works(text: str) -> None:
    assert not cron_defect(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "0 fields"),
        ("30 2 * *", "4 fields"),
        ("0 30 2 * * *", "6 fields"),
        ("60 2 * * *", "the minute is '60': it goes from 0 to 59"),
        ("0 24 * * *", "the hour is '24'"),
        ("0 0 0 * *", "the day of the month is '0'"),
        ("0 0 * 13 *", "the month is '13'"),
        ("0 0 * * 8", "the day of the week is '8'"),
        ("0 0 * mon *", "the month is 'mon'"),
        ("*/0 * * * *", "a step is at least 1"),
        ("0 6-2 * * *", "a range goes upwards"),
        ("0 2- * * *", "write numbers"),
        ("-5 2 * * *", "write numbers"),
        ("1,,2 2 * * *", "write numbers"),
        ("0 0 30 2 *", "no such day ever comes"),
        ("0 0 31 2,4,jun *", "no such day ever comes"),
        ("@daily", 'write it out: "0 0 * * *"'),
        ("\u0663 2 * * *", "write numbers"),
    ],
)  # fmt: skip
def test_what_does_not(text: str, told: str) -> None:
    assert told in cron_defect(text)


NEW_YORK = ZoneInfo("America/New_York")


def fired(text: str, first: str, last: str, zone: ZoneInfo = NEW_YORK) -> list[str]:
    days = (date.fromisoformat(first), date.fromisoformat(last))
    return [f"{each:%m-%d %H:%M}" for each in fire_times(text, zone, *days)]


@pytest.mark.parametrize(
    ("text", "first", "last", "wanted"),
    [
        ("30 2 * * *", "2026-10-05", "2026-10-06", ["10-05 06:30", "10-06 06:30"]),
        ("30 2 * * *", "2026-03-07", "2026-03-09", ["03-07 07:30", "03-08 07:30", "03-09 06:30"]),
        ("30 1 * * *", "2026-11-01", "2026-11-01", ["11-01 06:30"]),
        ("0 */12 * * *", "2026-10-05", "2026-10-05", ["10-05 04:00", "10-05 16:00"]),
        ("0 3 * * mon", "2026-10-01", "2026-10-14", ["10-05 07:00", "10-12 07:00"]),
        ("0 3 * * 7", "2026-10-01", "2026-10-07", ["10-04 07:00"]),
        ("0 3 13 * fri", "2026-11-12", "2026-11-14", ["11-13 08:00"]),
        ("0 3 1 * fri", "2026-10-01", "2026-10-03", ["10-01 07:00", "10-02 07:00"]),
        ("0 3 31 * *", "2026-09-30", "2026-10-01", []),
    ],
)
def test_when_it_fires(text: str, first: str, last: str, wanted: list[str]) -> None:
    assert fired(text, first, last) == wanted


def test_every_hour_of_days_that_have_23_and_25() -> None:
    assert len(fired("0 * * * *", "2026-03-08", "2026-03-08")) == 23
    assert len(fired("0 * * * *", "2026-11-01", "2026-11-01")) == 25
    assert len(fired("0 * * * *", "2026-11-02", "2026-11-02")) == 24
