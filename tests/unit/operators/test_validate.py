"""Tests of `validate`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from druid_reindex.errors import UnavailableError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.operators.validate import ValidateSegmentsOperator
from night_world import BEGAN, DAY, NEW_VERSION, SETTINGS, World, make, rebuilt, reindexed
from night_world import REBUILT_OBJECT as OBJECT
from twins import Outcome

KEY = SETTINGS.boundary.kms_key_arn


def verdict(world: World) -> dict[str, Any]:
    (uri,) = [each for each in world.store.objects if each.key.endswith("/batches/0/verdict.json")]
    assert world.store.objects[uri][1] == KEY
    found: dict[str, Any] = json.loads(world.store.get(uri))
    return found


def told(world: World) -> Any:
    return world.xcoms["validate", "quality"]


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
    assert {name: verdict(world)[name] for name in ("protocol", "batch", "verdict", "findings")} == {
        "protocol": 1, "batch": 0, "verdict": "passed", "findings": []
    }  # fmt: skip
    assert told(world)["verdict"] == "passed"
    assert told(world)["expectations"] > 0


def test_other_rows_are_an_error_that_names_the_chunk(world: World) -> None:
    reindexed(world)
    world.rows = 99
    with pytest.raises(AirflowFailException, match=r"2026-09-01T00.*rows: 99, wanted 100"):
        validate(world)


def test_what_great_expectations_finds_or_cannot_read_does_not_pass(world: World) -> None:
    reindexed(world)
    world.expectations.broken = {"expect_column_sum_to_be_between"}
    world.expectations.unread = {"expect_table_row_count_to_be_between"}
    with pytest.raises(AirflowFailException, match=r"expect_table_row_count_to_be_between: could not be read"):
        validate(world)
    assert verdict(world)["verdict"] == "failed"
    assert {each["check"] for each in verdict(world)["findings"]} == {
        "expect_column_sum_to_be_between", "expect_table_row_count_to_be_between"
    }  # fmt: skip
    assert told(world)["verdict"] == "failed"
    assert told(world)["batches"] == {"0": "failed"}


def test_results_and_page_lie_under_the_key_and_the_task_shows_the_page(world: World) -> None:
    validate(reindexed(world))
    kept = {uri.key.rpartition("/")[2]: (uri, key) for uri, (_, key) in world.store.objects.items()}
    (results, key), (page, page_key) = kept["expectations.json"], kept["expectations.html"]
    assert (key, page_key) == (KEY, KEY)
    assert json.loads(world.store.get(results)) == {"success": True}
    assert world.store.get(page).startswith(b"<html>patient_vitals 2026-09-01")
    (link,) = [url for (task, _), url in world.xcoms.items() if task == "validate" and "expectations.html" in str(url)]
    assert link.startswith("https://console.aws.amazon.com/s3/object/")
    (asked,) = world.expectations.asked
    assert [str(each) for each in asked[1]] == [DAY]


def test_segments_that_nobody_loads_in_time_are_a_verdict(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reindexed(world)
    world.druid.segments_left = [3]
    monkeypatch.setattr(ValidateSegmentsOperator, "_deadline", lambda _task, _context: BEGAN)
    with pytest.raises(AirflowFailException, match=r"load: .*3 segments left"):
        validate(world)
    assert verdict(world)["findings"][0]["check"] == "load"


def test_a_broker_that_is_away_is_no_verdict_but_another_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise UnavailableError("query Druid", resource="broker", came_back="503", remedy="wait")

    reindexed(world)
    monkeypatch.setattr(world.expectations, "run", away)
    with pytest.raises(AirflowException) as raised:
        validate(world)
    assert not isinstance(raised.value, AirflowFailException)
    assert not [each for each in world.store.objects if each.key.endswith("verdict.json")]


def test_another_key_is_an_error(world: World) -> None:
    reindexed(world)
    world.store.put(OBJECT, b"segment", kms_key_arn="arn:aws:kms:us-east-1:111122223333:key/other")
    with pytest.raises(AirflowFailException, match="key/other"):
        validate(world)
    assert verdict(world)["verdict"] == "failed"


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
    assert (verdict(world)["verdict"], verdict(world)["findings"]) == ("unfinished", [])
    world.druid.segments.append(rebuilt())
    with pytest.raises(AirflowFailException, match="1 segments are served that were not there before"):
        validate(world)
    assert (verdict(world)["verdict"], len(verdict(world)["findings"])) == ("unfinished", 1)


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
