"""Cron's five fields."""

from __future__ import annotations

import pytest

from druid_reindex.model.cron import PRESETS, cron_defect


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
