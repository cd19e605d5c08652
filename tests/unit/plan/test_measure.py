"""Tests of the query that counts rows."""

from __future__ import annotations

import math

from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import GranularitySpec
from druid_reindex.plan.measure import (
    STORED_ROWS,
    differences,
    numeric_columns,
    quoted,
    rows_by_interval,
    rows_query,
    sums_by_interval,
    sums_query,
)
from timelines import pipeline

DAYS = [Interval.parse("2026-09-01/2026-09-02"), Interval.parse("2026-09-03/2026-09-04")]


def test_rows_are_counted_over_the_umbrella_with_parameters() -> None:
    sql, parameters = rows_query(pipeline(), DAYS)
    assert "COUNT(*)" in sql
    assert "'P1D'" in sql
    assert [p["value"] for p in parameters] == ["2026-09-01T00:00:00.000Z", "2026-09-04T00:00:00.000Z"]


def test_where_rows_roll_up_the_count_metric_is_summed() -> None:
    rolled = pipeline().model_copy(update={"granularity": GranularitySpec(rollup=True)})
    counts = [metric.name for metric in rolled.metrics if metric.type == "count"]
    assert f'SUM("{counts[0]}")' in rows_query(rolled, DAYS)[0]


def test_what_is_built_from_another_datasource_is_counted_in_both_by_one_metric() -> None:
    derived = pipeline(datasource="patient_snapshot", inputs=[{"type": "datasource", "datasource": "patient_vitals"}])
    assert 'SUM("events") AS n FROM "patient_snapshot"' in rows_query(derived, DAYS)[0]
    assert 'SUM("events") AS n FROM "patient_vitals"' in rows_query(derived, DAYS, datasource=derived.source)[0]


def test_an_interval_without_rows_counts_zero() -> None:
    answer = [{"chunk": "2026-09-01T00:00:00.000Z", "n": 5}, {"chunk": "2026-09-02T00:00:00.000Z", "n": 7}]
    assert rows_by_interval(answer, DAYS) == {str(DAYS[0]): 5, str(DAYS[1]): 0}


def test_a_sum_over_nothing_but_nulls_counts_zero() -> None:
    assert rows_by_interval([{"chunk": "2026-09-01T00:00:00.000Z", "n": None}], DAYS[:1]) == {str(DAYS[0]): 0}


def test_identifiers_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'


METRICS = [
    {"type": "count", "name": "events"},
    {"type": "doubleSum", "name": "value_sum", "fieldName": "value"},
    {"type": "longMin", "name": "first", "fieldName": "value"},
    {"type": "floatMax", "name": "last", "fieldName": "value"},
    {"type": "thetaSketch", "name": "patients", "fieldName": "patient_token"},
    {"type": "filtered", "name": "tests", "filter": {}, "aggregator": {"type": "count", "name": "tests"}},
    {"type": "longSum", "name": "new", "fieldName": "new"},
]
COLUMNS = frozenset({"events", "value_sum", "first", "last", "tests"})
MEASURED = pipeline(metrics=METRICS)


def test_every_metric_that_adds_up_or_has_an_extreme_is_asked_for_by_its_stored_name() -> None:
    sql, _ = sums_query(MEASURED, DAYS, COLUMNS)
    select = sql.partition(" FROM ")[0].split(" AS chunk, ")[1]
    assert select == (
        'COUNT(*) AS n, COUNT(*) AS stored, SUM("events") AS m0, SUM("value_sum") AS m1, MIN("first") AS m2, '
        'MAX("last") AS m3, SUM("tests") AS m5'
    )


def test_a_metric_that_the_datasource_does_not_have_is_not_asked_for() -> None:
    sql, _ = sums_query(MEASURED, DAYS, frozenset())
    assert "COUNT(*) AS stored FROM" in sql


def test_numbers_are_what_druid_says_are_numbers() -> None:
    types = {"a": "BIGINT", "b": "FLOAT", "c": "DOUBLE", "d": "VARCHAR", "e": "COMPLEX<thetaSketch>", "f": "TIMESTAMP"}
    answer = [{"COLUMN_NAME": name, "DATA_TYPE": kind} for name, kind in types.items()]
    assert numeric_columns(answer) == {"a", "b", "c"}


def test_chunks_that_an_interval_holds_together_are_added_up() -> None:
    whole = Interval.parse("2026-09-01/2026-09-03")
    first = {"chunk": "2026-09-01T00:00:00.000Z", "n": 5, "stored": 4, "m0": 5, "m1": 1.5, "m2": 3, "m3": 7, "m5": 1}
    second = {"chunk": "2026-09-02T00:00:00.000Z", "n": 7, "stored": 7, "m0": 7, "m1": -1, "m2": 2, "m3": None, "m5": 0}
    assert sums_by_interval([first, second], MEASURED, [whole], COLUMNS) == {
        str(whole): {STORED_ROWS: 11, "events": 12, "value_sum": 0.5, "first": 2, "last": 7, "tests": 1}
    }


def test_of_a_chunk_without_rows_sums_are_zero_and_extremes_absent() -> None:
    assert sums_by_interval([], MEASURED, DAYS[:1], COLUMNS) == {
        str(DAYS[0]): {STORED_ROWS: 0, "events": 0, "value_sum": 0, "tests": 0}
    }


def test_a_number_that_json_lacks_is_read_from_its_text() -> None:
    row = {"chunk": "2026-09-01T00:00:00.000Z", "n": 1, "stored": 1, "m1": "NaN"}
    found = sums_by_interval([row], MEASURED, DAYS[:1], {"value_sum"})[str(DAYS[0])]
    assert math.isnan(found["value_sum"])
    assert differences(found, found) == []


def test_a_difference_beyond_the_rounding_of_doubles_is_told_by_name() -> None:
    before = {STORED_ROWS: 11, "value_sum": 0.1 + 0.2, "first": 2}
    assert differences(before, before | {"value_sum": 0.3}) == []
    assert differences(before, {STORED_ROWS: 10, "value_sum": 0.3001}) == [
        "COUNT(*) 11 before, 10 now",
        "first is not there",
        "value_sum 0.3 before, 0.3001 now",
    ]
