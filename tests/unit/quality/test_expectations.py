"""What must hold of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.model.expectation import EXPECTATIONS
from druid_reindex.model.pipeline import GranularitySpec, Pipeline
from druid_reindex.quality.expectations import Batch, Before, Wanted, of_chunks, suite, types
from timelines import pipeline

DAY = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
HOUR = "2026-09-01T05:00:00.000Z"
BATCH = Batch({DAY: 1}, 1)
TYPES = {"__time": "TIMESTAMP", "code": "VARCHAR", "events": "BIGINT", "value_sum": "DOUBLE"}
SHAPE: dict[str, Any] = {
    "stored": 100, "nulls": {"code": 10}, "distinct": {"code": 40}, "negative": {"value_sum": 0},
    "magnitude": {"value_sum": 3},
}  # fmt: skip
BEFORE = Before(
    {DAY: 100}, {DAY: {"events": 100, "value_sum": 12.5}}, {DAY: {HOUR: 100}}, {DAY: SHAPE}, TYPES, file_rows=0
)
DERIVED = pipeline(inputs=[{"type": "datasource", "datasource": "patient_other"}])


def wanted(before: Before = BEFORE, of: Pipeline | None = None, types: Any = TYPES) -> dict[tuple[str, str], Wanted]:
    return {(each.check, each.of): each for each in of_chunks(of or pipeline(), before, BATCH, types)}


def test_a_rebuild_of_itself_is_held_to_equality() -> None:
    found = wanted()
    for key, value in {
        ("rows", ""): 100,
        ("sum", "events"): 100,
        ("sum", "value_sum"): 12.5,
        ("time", HOUR): 100,
    }.items():
        assert (found[key].low, found[key].high) == (value, value)
    assert found["nulls", "code"].high == pytest.approx(0.1)
    assert (found["negative", "value_sum"].low, found["negative", "value_sum"].high) == (0, 0)
    assert found["magnitude", "value_sum"].high == 3
    assert found["distinct", "code"].admits(40)
    assert not found["distinct", "code"].admits(36)
    assert (found["segments", "number"].low, found["segments", "number"].high) == (1, 1)


def test_longs_are_exact_and_doubles_within_their_rounding() -> None:
    found = wanted()
    assert not found["sum", "events"].admits(100 + 1e-8)
    assert found["sum", "value_sum"].admits(12.5 * (1 + 5e-10))
    assert not found["sum", "value_sum"].admits(12.5 * (1 + 5e-9))
    assert not found["sum", "value_sum"].admits(float("nan"))


def test_rows_that_roll_up_may_lose_stored_nulls_and_negatives_but_no_sums() -> None:
    rolled = pipeline().model_copy(update={"granularity": GranularitySpec(rollup=True)})
    found = wanted(of=rolled)
    assert (found["rows", ""].low, found["rows", ""].high) == (100, 100)
    assert found["nulls", "code"].high == pytest.approx(0.15)
    assert found["negative", "value_sum"].low is None
    assert found["magnitude", "value_sum"].high == 5


def test_files_may_add_their_rows_and_no_more() -> None:
    found = wanted(replace(BEFORE, file_rows=20), DERIVED)
    assert (found["rows", ""].low, found["rows", ""].high) == (100, 120)
    assert (found["sum", "events"].low, found["sum", "events"].high) == (100, 120)
    assert ("sum", "value_sum") not in found
    assert (found["time", HOUR].low, found["time", HOUR].high) == (100, None)
    assert found["rows", "the whole batch"].high == 120
    assert found["distinct", "code"].high is None
    assert ("segments", "number") not in found


def test_files_that_nobody_counted_may_add_any_number() -> None:
    found = wanted(replace(BEFORE, file_rows=None), DERIVED)
    assert (found["rows", ""].low, found["rows", ""].high) == (100, None)
    assert found["sum", "events"].high is None


def test_extremes_move_one_way_with_files() -> None:
    metrics = [{"type": "count", "name": "events"}, {"type": "longMin", "name": "low", "fieldName": "v"},
               {"type": "floatMax", "name": "high", "fieldName": "v"}]  # fmt: skip
    derived = pipeline(inputs=[{"type": "datasource", "datasource": "patient_other"}], metrics=metrics)
    before = Before({DAY: 1}, {DAY: {"events": 1, "low": 3, "high": 9.0}}, file_rows=5)
    found = wanted(before, derived)
    assert (found["sum", "low"].low, found["sum", "low"].high) == (None, 3)
    assert (found["sum", "high"].low, found["sum", "high"].high) == (9.0, None)


def test_a_column_of_another_type_or_without_a_past_is_not_compared() -> None:
    assert ("nulls", "code") not in wanted(types=TYPES | {"code": "BIGINT"})
    assert ("nulls", "code") not in wanted(replace(BEFORE, types={}))
    assert ("nulls", "code") in wanted(types={})
    assert ("nulls", "code") not in wanted(replace(BEFORE, shape={DAY: SHAPE | {"stored": 0}}))


@pytest.mark.parametrize(
    ("low", "high", "told"), [(1, 1, "1"), (1, 2, "1 to 2"), (None, 2, "at most 2"), (1, None, "at least 1"),
                              (None, None, "any number")]
)  # fmt: skip
def test_bounds_as_a_person_reads_them(low: float | None, high: float | None, told: str) -> None:
    assert Wanted("c", "rows", low=low, high=high).bounds == told


def test_the_suite_has_the_sums_of_all_chunks_and_the_pipelines_own_last() -> None:
    own = {"type": "expect_column_values_to_not_be_null", "column": "code"}
    told = suite(pipeline(expectations=[own]), BEFORE)
    by_name = {(each.type, each.columns): each.arguments for each in told}
    assert by_name["expect_column_sum_to_be_between", ("events",)] == {
        "column": "events", "min_value": 100, "max_value": 100
    }  # fmt: skip
    assert by_name["expect_column_sum_to_be_between", ("value_sum",)]["min_value"] == pytest.approx(12.5)
    assert by_name["expect_column_min_to_be_between", ("value_sum",)]["min_value"] == 0
    nulls = by_name["expect_column_proportion_of_non_null_values_to_be_between", ("code",)]
    assert nulls["min_value"] == pytest.approx(0.85)
    assert by_name["expect_table_row_count_to_be_between", ()]["min_value"] == 1
    assert told[-1].type == own["type"]
    assert {each.type for each in told} <= set(EXPECTATIONS)


def test_an_empty_batch_expects_columns_alone() -> None:
    told = suite(pipeline(), Before({DAY: 0}, {DAY: {}}))
    assert {each.type for each in told} == {"expect_column_to_exist"}


def test_a_filtered_metric_is_summed_as_what_it_filters_for() -> None:
    metric = {"type": "filtered", "name": "few", "filter": {}, "aggregator": {"type": "longSum", "name": "few"}}
    one = pipeline(metrics=[{"type": "count", "name": "events"}, metric])
    before = Before({DAY: 1}, {DAY: {"events": 1, "few": 7}})
    assert wanted(before, one)["sum", "few"].tolerance == 0
    assert [each.columns for each in suite(one, before) if "sum" in each.type] == [("events",), ("few",)]


def test_the_types_of_columns_that_have_one() -> None:
    metrics = [{"type": "count", "name": "events"}, {"type": "floatMax", "name": "high", "fieldName": "v"},
               {"type": "thetaSketch", "name": "people", "fieldName": "p"}]  # fmt: skip
    one = pipeline(dimensions=["code", {"name": "age", "type": "long"}], metrics=metrics)
    assert types(one) == {"code": "STRING", "age": "LONG", "events": "LONG", "high": "FLOAT"}
