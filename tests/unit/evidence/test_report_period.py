"""The report of a period."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import packs
from druid_reindex.evidence.report import Level, text
from druid_reindex.evidence.report_period import Night, Period, period_report
from druid_reindex.evidence.sign_off import SignOff
from told_nights import FOREIGN, MISSING, confirmed, decided, scheduled

ZONE = ZoneInfo("America/New_York")
PERIOD = Period("patient_vitals", date(2026, 10, 5), date(2026, 10, 8), "30 2 * * *", ZONE)


def night(day: int, number: int, *sign_offs: SignOff, **options: object) -> Night:
    run = f"{packs.RUN[:-1]}{number}"
    told = scheduled(f"2026-10-{day:02}T02:30:00-04:00", run, **options)  # type: ignore[arg-type]
    return Night(f"packs/patient_vitals/{run}", told, sign_offs)


def levels(*nights: Night) -> list[str]:
    report = period_report(PERIOD, nights)
    table = next(each for each in report.tables() if each.name == "nights-of-period")
    return [text(row[0]).split()[-1] for row in table.rows]


def test_missing_nights_come_first_then_red_amber_and_green_ones() -> None:
    nights = [night(5, 1), night(6, 2, supplement=confirmed(FOREIGN)), night(7, 3, supplement=confirmed(MISSING))]
    assert levels(*nights) == ["missing", "red", "amber", "green"]
    report = period_report(PERIOD, nights)
    assert report.level is Level.RED
    assert "1 of 4 scheduled nights are missing, 1 nights are red" in report.verdict
    table = next(each for each in report.tables() if each.name == "nights-of-period")
    assert table.rows[0][:3] == ("missing", "2026-10-08 06:30", "no pack")


def test_all_nights_there_and_in_order() -> None:
    report = period_report(PERIOD, [night(day, day) for day in (5, 6, 7, 8)])
    assert report.level is Level.GREEN
    assert "All 4 scheduled nights are there" in report.verdict
    assert report.mark == "trail: emulated"


def test_a_run_by_hand_does_not_stand_for_a_missing_night_but_is_listed() -> None:
    assert levels(*(night(day, day) for day in (5, 6, 7)), night(8, 8, kind="manual")) == [
        "missing", "green", "green", "green", "green",
    ]  # fmt: skip


def test_nights_of_other_days_are_left_out() -> None:
    assert levels(night(4, 4), night(9, 9)) == ["missing"] * 4


def test_without_a_schedule_nothing_is_missing() -> None:
    period = Period("patient_vitals", PERIOD.first, PERIOD.last, None, ZONE)
    report = period_report(period, [])
    assert report.level is Level.GREEN
    assert "All 0 scheduled" in report.verdict


def test_the_last_decision_counts_and_says_when_it_was_on_an_earlier_pack() -> None:
    told = night(5, 5)
    latest = told.evidence.packs[-1].sha256
    for sha256, wanted in ((latest, "accepted by Grace"), ("ab" * 32, "accepted by Grace, before the last supplement")):
        report = period_report(PERIOD, [Night(told.where, told.evidence, [decided(sha256)])])
        table = next(each for each in report.tables() if each.name == "nights-of-period")
        assert table.rows[-1][-1] == wanted
