"""Tests of `validate`."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.validate import ValidateSegmentsOperator
from night_world import NEW_VERSION, SETTINGS, World, make, rebuilt
from twins import Outcome

KEY = SETTINGS.boundary.kms_key_arn
OBJECT = S3Uri("drx-phi-111122223333", f"druid/segments/{NEW_VERSION}/0/index.zip")


def reindexed(world: World) -> World:
    world.store.put(OBJECT, b"segment", kms_key_arn=KEY)
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    return world


def validate(world: World) -> dict[str, object]:
    found: dict[str, object] = world.run(make(ValidateSegmentsOperator, "validate"))
    return found


def test_what_is_served_with_equal_rows_and_the_key_passes(world: World) -> None:
    world.druid.segments_left = [3, 1, 0]
    found = validate(reindexed(world))
    assert found["kms_keys"] == [KEY]
    assert found["versions"] == [NEW_VERSION]
    assert (found["chunks"], found["segments_after"], found["rows_before"], found["rows_after"]) == (1, 1, 100, 100)
    assert world.druid.refreshes == [True, True, True]


def test_other_rows_are_an_error_that_names_the_chunk(world: World) -> None:
    reindexed(world)
    world.rows = 99
    with pytest.raises(AirflowFailException, match=r"2026-09-01T00.*100 before, 99 now"):
        validate(world)


def test_another_key_is_an_error(world: World) -> None:
    reindexed(world)
    world.store.put(OBJECT, b"segment", kms_key_arn="arn:aws:kms:us-east-1:111122223333:key/other")
    with pytest.raises(AirflowFailException, match="key/other"):
        validate(world)


def test_a_missing_object_is_an_error(world: World) -> None:
    reindexed(world)
    del world.store.objects[OBJECT]
    with pytest.raises(AirflowFailException):
        validate(world)


def test_a_failed_batch_that_changed_nothing_passes_and_a_half_published_one_does_not(world: World) -> None:
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="x")]
    with pytest.raises(AirflowFailException):
        reindexed(world)
    assert validate(world)["chunks"] == 0
    world.druid.segments.append(rebuilt())
    with pytest.raises(AirflowFailException, match="1 segments are served that were not there before"):
        validate(world)


def test_nothing_planned_is_skipped(world: World) -> None:
    with pytest.raises(AirflowSkipException, match="there is no plan"):
        validate(world)
    world.druid.segments = [rebuilt()]
    world.plan()
    with pytest.raises(AirflowSkipException, match="nothing to do"):
        validate(world)


def test_segments_that_no_historical_announces_are_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reindexed(world)
    announced = world.druid.segment_rows
    looks = iter(["nothing", "nothing yet"])
    monkeypatch.setattr(world.druid, "segment_rows", lambda *of: {} if next(looks, None) else announced(*of))
    assert validate(world)["segments_after"] == 1
    assert next(looks, None) is None


def test_a_result_of_the_plan_that_the_cleared_run_had_before_is_none(world: World) -> None:
    reindexed(world)
    world.conf = {**world.conf, "force": True}
    world.plan()
    assert validate(world)["chunks"] == 0
