"""Tests of bringing a datasource to hold exactly its events, on the twins of Druid and S3."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import DeadlineError, IntegrityError, ReindexFailedError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import ingestion
from druid_reindex.sandbox.events import DayFiles, Delivery
from druid_reindex.sandbox.ingestion import Ingestion, Landing
from twins import FakeDruid, FakeStore, Outcome, segment

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"


@pytest.fixture
def days(tmp_path: Path) -> DayFiles:
    for name in ("day.json", "late.json"):
        (tmp_path / name).write_text(name)
    return DayFiles(
        Delivery("on-time", (tmp_path / "day.json",), 350), Delivery("late", (tmp_path / "late.json",), 7), 9.5
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "POLL_SECONDS", 0.0)


def make(outcomes: list[Outcome], *, value_sum: float = 9.5) -> tuple[Ingestion, FakeDruid]:
    """A Druid that serves all 357 rows once two tasks succeeded."""
    druid = FakeDruid(segments=[segment("2026-09-01/2026-09-02", datasource="v")], outcomes=outcomes)

    def answers(sql: str, _parameters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        served = sum(state is TaskState.SUCCESS for state in druid.ended.values()) == 2
        if "INFORMATION_SCHEMA" in sql:
            return [{"TABLE_NAME": "v"}] if served else []
        if "sys.segments" in sql:
            return [{"start": "2026-09-01", "segments": 6}]
        return [{"row_count": 357, "value_sum": value_sum}]

    druid = dataclasses.replace(druid, answers=answers)
    landing = Landing(FakeStore(), S3Uri.parse("s3://drx-phi-111122223333/landing"), KEY)
    return Ingestion(druid, landing, "v", print), druid


def test_two_deliveries_and_nothing_the_second_time(days: DayFiles) -> None:
    job, druid = make([Outcome(), Outcome()])
    summary = job.complete(days)
    assert (summary.rows, summary.segments, summary.fragmented_days) == (357, 6, 1)
    assert [t["spec"]["ioConfig"].get("appendToExisting") for t in druid.submitted] == [False, True]
    job.complete(days)
    assert len(druid.submitted) == 2


def test_a_failed_task_is_told_and_replaced_by_the_next_attempt(days: DayFiles) -> None:
    job, druid = make([Outcome(TaskState.FAILED, failure="no space"), Outcome(), Outcome()])
    with pytest.raises(ReindexFailedError, match="no space"):
        job.complete(days)
    job.complete(days)
    ids = [str(task["id"]) for task in druid.submitted]
    assert len(set(ids)) == 3
    assert ids[0].endswith("-1")
    assert ids[1].endswith("-2")


def test_other_sums_than_were_delivered_are_an_error(days: DayFiles) -> None:
    job, _ = make([Outcome(), Outcome()], value_sum=1.0)
    with pytest.raises(IntegrityError, match=r"1\.0, not to 9\.5"):
        job.complete(days)


def test_called_again_it_attaches_to_the_task_that_runs(days: DayFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    job, druid = make([Outcome(polls=2), Outcome()])
    with monkeypatch.context() as interrupted:
        interrupted.setattr(ingestion, "TASK_SECONDS", -1.0)
        with pytest.raises(DeadlineError, match="RUNNING"):
            job.complete(days)
    assert job.complete(days).rows == 357
    assert len(druid.submitted) == 2


def test_segments_that_nobody_loads_are_told(days: DayFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "SERVED_SECONDS", -1.0)
    job, druid = make([Outcome(), Outcome()])
    druid.segments_left[:] = [3]
    with pytest.raises(DeadlineError, match="3 segments not loaded, 357 of 357 rows"):
        job.complete(days)


def test_only_the_on_time_delivery_is_cut_into_small_segments(days: DayFiles) -> None:
    job, druid = make([Outcome(), Outcome()])
    job.complete(days)
    on_time, late = (task["spec"] for task in druid.submitted)
    assert on_time["tuningConfig"]["partitionsSpec"] == {"type": "dynamic", "maxRowsPerSegment": 2}
    assert late["tuningConfig"]["partitionsSpec"] == {"type": "dynamic"}
    assert late["ioConfig"]["inputSource"] == {
        "type": "s3",
        "uris": ["s3://drx-phi-111122223333/landing/v/late/late.json"],
    }
