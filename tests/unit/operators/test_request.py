"""Tests of what a run asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.interval import ALL_TIME, Granularity, Interval
from druid_reindex.model.pipeline import Engine, Pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.request import BACKFILL_TICK, NightRequest, Purge, local_day, night_request, whole_chunks
from night_world import SETTINGS, World

PIPELINE = SETTINGS.pipeline.model_copy(update={"lookback": timedelta(days=5)})
NEW_YORK = "America/New_York"
PURGE = {"key_file": "s3://bucket/keys", "column": "patient_token"}


def asked(
    conf: dict[str, Any] | None, run_type: Any = "scheduled", *, of: Pipeline = PIPELINE, **run: Any
) -> NightRequest:
    dag_run = World().context()["dag_run"]
    vars(dag_run).update({"conf": conf, "run_type": run_type} | run)
    return night_request(dag_run, of, ("big", "secure"))


def refusal(conf: dict[str, Any], run_type: Any = "scheduled", **run: Any) -> str:
    with pytest.raises(ConfigurationError) as refused:
        asked(conf, run_type, **run)
    return str(refused.value)


@pytest.mark.parametrize("conf", [None, {}, dict.fromkeys(["interval", "reason", "force", "dry_run", "batches"])])
def test_a_scheduled_run_looks_back_and_takes_the_pipelines_choices(conf: dict[str, Any] | None) -> None:
    assert asked(conf) == NightRequest(
        window=Interval.parse("2026-10-01/2026-10-06"), force=False, dry_run=False, engine=Engine.HADOOP,
        profile="secure", batches=None, reason=None,
    )  # fmt: skip


def test_what_still_streams_is_left_out_of_the_lookback_and_in_what_is_named() -> None:
    streams = PIPELINE.model_copy(update={"streaming_window": timedelta(hours=6)})
    assert asked({}, of=streams).window == Interval.parse("2026-10-01/2026-10-05T18:00")
    named = {"interval": "2026-10-05/2026-10-06"}
    assert asked(named, of=streams).window == Interval.parse("2026-10-05/2026-10-06")


def test_the_lookback_ends_with_the_data_interval_also_an_empty_one_then_with_the_logical_date() -> None:
    logical = datetime(2026, 10, 3, tzinfo=UTC)
    assert asked({}, logical_date=logical).window == Interval.parse("2026-09-28/2026-10-03")
    end = datetime.fromisoformat("2026-10-04T20:00:00-04:00")
    interval = {"data_interval_start": end, "data_interval_end": end}
    assert asked({}, logical_date=logical, **interval).window == Interval.parse("2026-09-30/2026-10-05")


def test_a_manual_run_without_a_logical_date_says_all_there_is() -> None:
    conf = {
        "interval": "2026-09-01T05:00/2026-09-02T00:00:00.000Z", "reason": " late laboratory file ", "force": True,
        "dry_run": True, "engine": "hadoop", "profile": "big", "batches": [2, 0, 2],
    }  # fmt: skip
    assert asked(conf, DagRunType.MANUAL) == NightRequest(
        window=Interval.parse("2026-09-01/2026-09-02"), force=True, dry_run=True, engine=Engine.HADOOP,
        profile="big", batches=(0, 2), reason="late laboratory file",
    )  # fmt: skip


def test_a_purge_is_of_all_that_is_served() -> None:
    found = asked({"purge": PURGE, "reason": "a patient asked"}, "manual")
    assert found.purge == Purge(S3Uri("bucket", "keys"), "patient_token")
    assert (found.window, found.force) == (ALL_TIME, True)
    assert asked({"purge": None, "reason": "a late file"}, "manual").purge is None


@pytest.mark.parametrize("run_type", ["manual", "backfill", DagRunType.MANUAL, DagRunType.BACKFILL])
@pytest.mark.parametrize("conf", [{}, {"reason": None}, {"reason": "  "}])
def test_a_person_says_why(conf: dict[str, Any], run_type: Any) -> None:
    told = refusal(conf, run_type)
    assert f"a {getattr(run_type, 'value', run_type)} run says why it is started" in told
    assert "reason: a sentence of at least 5 characters" in told
    assert (BACKFILL_TICK in told) == (str(getattr(run_type, "value", run_type)) == "backfill")


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered", "operator_triggered"])
def test_a_machine_needs_no_reason(run_type: str) -> None:
    assert asked({}, run_type).reason is None


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        (
            {"window": "2026-09-01/2026-09-02"},
            "conf['window']: '2026-09-01/2026-09-02'. What to do: start a new run with nothing but interval, reason",
        ),
        ({"interval": "yesterday"}, "'yesterday'. What to do: start a new run with interval: start/end in ISO 8601"),
        ({"interval": "2026-09-08/2026-09-01"}, "interval: start/end"),
        ({"interval": "2026-09-08/2026-09-08"}, "which ends where it starts"),
        ({"interval": 7}, "interval: start/end"),
        ({"reason": "x"}, "at least 5 characters"),
        ({"reason": 12345}, "at least 5 characters"),
        ({"force": True}, "true without an interval"),
        ({"force": "yes"}, "force: true or false"),
        ({"dry_run": 1}, "dry_run: true or false"),
        ({"engine": "msq"}, "'msq', where hadoop would work"),
        ({"profile": "huge"}, "'huge', where big, secure would work"),
        ({"profile": "../boundaries"}, "where big, secure would work"),
        ({"batches": []}, "batches: a list of batch numbers"),
        ({"batches": 1}, "batches: a list of batch numbers"),
        ({"batches": [True]}, "batches: a list of batch numbers"),
        ({"batches": [-1]}, "batches: a list of batch numbers"),
        ({"purge": {"keys": ["t1"]}}, "something else. What to do: start a new run with purge: {"),
        ({"purge": "s3://bucket/keys"}, "purge: {"),
        ({"purge": {"key_file": "keys.txt", "column": "patient_token"}}, "purge: {"),
        ({"purge": {"key_file": "s3://bucket/keys", "column": ""}}, "purge: {"),
        ({"purge": PURGE, "interval": "2026-09-01/2026-09-02"}, "a purge of a part"),
        ({"purge": PURGE, "batches": [0]}, "a purge of a part"),
    ],
)  # fmt: skip
def test_another_conf_is_refused_with_what_works(conf: dict[str, Any], told: str) -> None:
    assert told in refusal(conf)


@pytest.mark.parametrize(
    ("logical_date", "day", "hours"),
    [
        ("2026-03-08T07:30Z", "2026-03-08T05:00Z/2026-03-09T04:00Z", 23),
        ("2026-03-09T03:59Z", "2026-03-08T05:00Z/2026-03-09T04:00Z", 23),
        ("2026-11-01T06:30Z", "2026-11-01T04:00Z/2026-11-02T05:00Z", 25),
        ("2026-11-01T05:30Z", "2026-11-01T04:00Z/2026-11-02T05:00Z", 25),
        ("2026-07-04T06:30Z", "2026-07-04T04:00Z/2026-07-05T04:00Z", 24),
        ("2026-07-04T02:30Z", "2026-07-03T04:00Z/2026-07-04T04:00Z", 24),
    ],
)
def test_a_local_day_has_23_24_or_25_hours(logical_date: str, day: str, hours: int) -> None:
    found = local_day(datetime.fromisoformat(logical_date), NEW_YORK)
    assert found == Interval.parse(day)
    assert found.end - found.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("logical_date", "window"),
    [
        ("2026-03-08T07:30Z", "2026-03-08/2026-03-10"),
        ("2026-11-01T06:30Z", "2026-11-01/2026-11-03"),
    ],
)
def test_a_backfill_forces_the_whole_chunks_of_its_day(logical_date: str, window: str) -> None:
    at = datetime.fromisoformat(logical_date)
    found = asked({"reason": "late file"}, "backfill", logical_date=at, data_interval_end=at)
    assert (found.window, found.force) == (Interval.parse(window), True)


def test_a_day_of_hourly_chunks_is_exactly_the_day() -> None:
    day = local_day(datetime(2026, 11, 1, 12, tzinfo=UTC), NEW_YORK)
    assert whole_chunks(day, Granularity.HOUR) == day
    assert len(list(Granularity.HOUR.chunks(day))) == 25


def test_three_days_of_backfill_leave_no_hole() -> None:
    found = [
        local_day(datetime(2026, 10, 31, 6, 30, tzinfo=UTC) + timedelta(days=n), NEW_YORK) for n in range(3)
    ]  # fmt: skip
    assert [day.end for day in found[:2]] == [day.start for day in found[1:]]


def test_a_backfill_with_an_interval_is_refused() -> None:
    conf = {"interval": "2026-09-01/2026-09-02", "reason": "late file"}
    assert "an interval in a backfill, whose runs are a day each" in refusal(conf, "backfill")
