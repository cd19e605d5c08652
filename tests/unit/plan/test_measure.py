"""Tests of the query that counts rows."""

from __future__ import annotations

from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import GranularitySpec
from druid_reindex.plan.measure import quoted, rows_by_interval, rows_query
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


def test_an_interval_without_rows_counts_zero() -> None:
    answer = [{"chunk": "2026-09-01T00:00:00.000Z", "n": 5}, {"chunk": "2026-09-02T00:00:00.000Z", "n": 7}]
    assert rows_by_interval(answer, DAYS) == {str(DAYS[0]): 5, str(DAYS[1]): 0}


def test_a_sum_over_nothing_but_nulls_counts_zero() -> None:
    assert rows_by_interval([{"chunk": "2026-09-01T00:00:00.000Z", "n": None}], DAYS[:1]) == {str(DAYS[0]): 0}


def test_identifiers_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
