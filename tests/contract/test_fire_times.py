"""The nights that a period's report expects are those that Airflow's own timetable would start."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

from druid_reindex.model.cron import fire_times


def started(text: str, zone: str, first: date, last: date) -> list[datetime]:
    """When Airflow starts runs from the first day to the last."""
    timetable = CronTriggerTimetable(text, timezone=zone)
    earliest = pendulum.datetime(first.year, first.month, first.day, tz=zone)
    end = pendulum.datetime(last.year, last.month, last.day, tz=zone).add(days=1)
    interval, found = None, []
    while True:
        restriction = TimeRestriction(earliest=earliest, latest=None, catchup=True)
        info = timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)
        if info is None or info.run_after >= end:
            return found
        interval = info.data_interval
        found.append(datetime.fromtimestamp(info.run_after.timestamp(), UTC))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "text", ["30 2 * * *", "0 3 * * mon-fri", "15,45 */6 * * *", "0 4 1,15 * *", "0 5 1 * mon", "0 * * * *"]
)
@pytest.mark.parametrize(("first", "last"), [("2026-02-25", "2026-04-05"), ("2026-10-20", "2026-11-05")])
def test_the_same_instants(text: str, zone: str, first: str, last: str) -> None:
    days = date.fromisoformat(first), date.fromisoformat(last)
    ours = list(fire_times(text, ZoneInfo(zone), *days))
    assert ours == started(text, zone, *days)
