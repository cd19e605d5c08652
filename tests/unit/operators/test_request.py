"""Tests of what a run asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.interval import Interval
from druid_reindex.operators import request
from night_world import World


def test_the_window_is_the_lookback_before_the_runs_start() -> None:
    context = World(conf={}).context()
    assert request.window(context, timedelta(days=5)) == Interval.parse("2026-10-01/2026-10-06")
    assert request.forced(context) == ()


def test_the_data_interval_ends_the_window_in_utc_before_anything_else_does() -> None:
    context = World(conf={}).context()
    context["dag_run"].logical_date = datetime(2026, 10, 3, tzinfo=UTC)
    assert request.window(context, timedelta(days=1)) == Interval.parse("2026-10-02/2026-10-03")
    context["dag_run"].data_interval_end = datetime.fromisoformat("2026-10-04T20:00:00-04:00")
    assert request.window(context, timedelta(days=1)) == Interval.parse("2026-10-04/2026-10-05")


def test_conf_names_window_and_forced_chunks() -> None:
    context = World(conf={"window": "2026-09-01/2026-09-03", "force": ["2026-09-01/2026-09-02"]}).context()
    assert request.window(context, timedelta(days=5)) == Interval.parse("2026-09-01/2026-09-03")
    assert request.forced(context) == (Interval.parse("2026-09-01/2026-09-02"),)


@pytest.mark.parametrize(
    "conf",
    [
        {"windw": "x"},
        {"window": "yesterday"},
        {"window": "2026-09-08/2026-09-01"},
        {"window": None},
        {"force": "2026-09-01/2026-09-02"},
        {"force": ["x"]},
    ],
)
def test_another_conf_is_refused_with_the_known_form(conf: dict[str, Any]) -> None:
    context = World(conf=conf).context()
    with pytest.raises(ConfigurationError, match="force: a list of start/end"):
        _ = request.window(context, timedelta(days=5)), request.forced(context)
