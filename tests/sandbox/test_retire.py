"""What a night replaced on a real Druid is retired: segments unknown, their objects' versions gone, all else there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.s3 import S3Client
from druid_reindex.errors import NotFoundError, RefusedError, UnavailableError
from druid_reindex.model.disposal import Disposal, from_json
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import ObjectVersion, S3Uri
from druid_reindex.operators.night import NightSettings
from druid_reindex.operators.retire import RetireSegmentsOperator
from druid_reindex.plan.deep_storage import SegmentName, lies_below
from druid_reindex.sandbox.druid_security import admin_config
from native_night import (
    ALL_TIME,
    ROWS_PER_SEGMENT,
    NativeNight,
    await_answer,
    await_counted,
    await_unloaded,
    ingested,
    native_night,
    rows,
    settings_of,
)
from real_sandbox import Sandbox, store

pytestmark = pytest.mark.sandbox

DATASOURCE = "retired"
DAYS = [Interval.parse(f"2026-09-0{day}/2026-09-0{day + 1}") for day in (1, 2, 3)]
PER_DAY = 2 * ROWS_PER_SEGMENT
TOTAL = (3 * PER_DAY, float(3 * PER_DAY))


@pytest.fixture(scope="module")
def config(sandbox: Sandbox) -> DruidConfig:
    return admin_config(sandbox.home, sandbox.endpoints)


@pytest.fixture(scope="module")
def settings(sandbox: Sandbox) -> NightSettings:
    """A datasource of three days; S3 is looked at as who the sandbox's tests are, whatever a night's environment is."""
    assert store().versions(S3Uri.parse(settings_of(sandbox, DATASOURCE).boundary.segments_uri) / DATASOURCE) == []
    made = settings_of(sandbox, DATASOURCE)
    ingested(sandbox.druid, made.pipeline, DAYS, data(*DAYS))
    await_answer(sandbox, DATASOURCE, TOTAL)
    await_counted(sandbox, DATASOURCE, 3 * PER_DAY)
    return made


@pytest.fixture
def night(sandbox: Sandbox, config: DruidConfig, settings: NightSettings) -> Iterator[NativeNight]:
    """A run whose rollback window is over at once."""
    real = RetireSegmentsOperator._retirement
    with native_night(sandbox, config, settings) as made:
        over = lambda *of: replace(real(*of), window=timedelta(0))  # noqa: E731
        made.patch.setattr(RetireSegmentsOperator, "_retirement", over)
        yield made


def data(*days: Interval) -> list[dict[str, Any]]:
    """The rows of each day."""
    return [row for day in days for row in rows(day, PER_DAY)]


def used(sandbox: Sandbox) -> list[Segment]:
    return sandbox.druid.used_segments(DATASOURCE, [ALL_TIME])


def rebuilt(sandbox: Sandbox, night: NativeNight, day: Interval) -> list[Segment]:
    """The day's segments that a good night has replaced; Druid's Coordinator has not marked them unused yet."""
    old = [each for each in used(sandbox) if each.interval == day]
    assert night.planned(day) == ""
    assert night.reindexed(data(day)) == ""
    assert night.validated() == ""
    assert night.run_verdict() == ""
    return old


def versions(sandbox: Sandbox, segments: list[Segment]) -> list[ObjectVersion]:
    """What S3 keeps of these segments' objects."""
    root = S3Uri.parse(settings_of(sandbox, DATASOURCE).boundary.segments_uri)
    assert all(lies_below(each, root) for each in segments)
    return [v for each in segments for v in store().versions(SegmentName.of(each).folder(root, DATASOURCE))]


def knows(sandbox: Sandbox, segment: Segment) -> bool:
    """Whether Druid has any record of the segment, which a used one overshadows."""
    try:
        sandbox.druid.mark_used(DATASOURCE, [segment.segment_id])
    except (NotFoundError, RefusedError):
        return False
    return True


def record(night: NativeNight) -> Disposal:
    return from_json(store().get(S3Uri.parse(night.told("retire")["record_uri"])))


def test_what_a_night_replaced_is_gone_from_druid_and_from_s3_and_all_else_is_there(
    sandbox: Sandbox, night: NativeNight
) -> None:
    old = rebuilt(sandbox, night, DAYS[0])
    before = versions(sandbox, old)
    assert len(before) >= len(old) == 2
    assert knows(sandbox, old[0])
    assert night.run(RetireSegmentsOperator, "retire") == ""
    told = record(night)
    assert (sorted(told.segments), told.left, told.is_done) == (sorted(s.segment_id for s in old), {}, True)
    assert set(before) <= set(told.objects)
    assert told.markers >= 2
    assert versions(sandbox, old) == []
    assert not any(knows(sandbox, each) for each in old)
    assert len(versions(sandbox, used(sandbox))) >= len(used(sandbox)) == 6
    await_answer(sandbox, DATASOURCE, TOTAL)


def test_killed_between_two_deletions_the_next_try_finishes(sandbox: Sandbox, night: NativeNight) -> None:
    old = rebuilt(sandbox, night, DAYS[1])
    real = S3Client._delete_version
    calls = iter(range(100))

    def deleted(client: S3Client, version: ObjectVersion) -> None:
        if next(calls) == 1:
            raise UnavailableError("delete", resource=str(version.uri), came_back="killed", remedy="try again")
        real(client, version)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Client, "_delete_version", deleted)
        assert "killed" in night.run(RetireSegmentsOperator, "retire")
    assert versions(sandbox, old)
    assert night.run(RetireSegmentsOperator, "retire") == ""
    assert versions(sandbox, old) == []
    assert not any(knows(sandbox, each) for each in old)
    await_answer(sandbox, DATASOURCE, TOTAL)


@pytest.mark.soak
def test_what_druid_would_kill_with_somebody_elses_version_stays_and_is_told(
    sandbox: Sandbox, night: NativeNight
) -> None:
    pipeline = night.settings.pipeline
    theirs = [each for each in used(sandbox) if each.interval == DAYS[2]]
    ingested(sandbox.druid, pipeline, [DAYS[2]], data(DAYS[2]))
    assert sandbox.druid.mark_unused(DATASOURCE, [each.segment_id for each in theirs]) == len(theirs)
    await_unloaded(sandbox, DATASOURCE, {each.version for each in theirs} - {each.version for each in used(sandbox)})
    await_counted(sandbox, DATASOURCE, 3 * PER_DAY)
    ours = rebuilt(sandbox, night, DAYS[2])
    assert night.run(RetireSegmentsOperator, "retire") == ""
    (line,) = night.told("retire")["left"]
    assert "Druid would kill" in line
    assert all(knows(sandbox, each) for each in [*theirs, *ours])
    assert {each.is_delete_marker for each in versions(sandbox, [*theirs, *ours])} == {False}
    await_answer(sandbox, DATASOURCE, TOTAL)
