"""What the rows of a time chunk look like, in counts."""

from __future__ import annotations

from typing import Any

from druid_reindex.model.interval import Granularity, Interval
from druid_reindex.model.pipeline import GranularitySpec
from druid_reindex.plan.shape import shape_query, shapes, types_of, units_by_interval, units_query
from timelines import pipeline

DAYS = [Interval.parse("2026-09-01/2026-09-02"), Interval.parse("2026-09-03/2026-09-04")]
TYPES = {"__time": "TIMESTAMP", "code": "VARCHAR", "value_sum": "DOUBLE", "sketch": "COMPLEX<thetaSketch>"}
FIRST = "2026-09-01T00:00:00.000Z"


def test_columns_that_are_there_are_measured_without_a_value_of_a_row() -> None:
    sql, parameters = shape_query(pipeline(), DAYS, TYPES)
    assert 'COUNT(*) FILTER (WHERE "code" IS NULL)' in sql
    assert 'APPROX_COUNT_DISTINCT("code")' in sql
    assert 'COUNT(*) FILTER (WHERE "value_sum" < 0)' in sql
    assert 'CEIL(LOG10(GREATEST(MAX("value_sum"), 0 - MIN("value_sum")) + 1))' in sql
    assert '"units"' not in sql
    assert '"events"' not in sql
    assert [p["value"] for p in parameters] == [FIRST, "2026-09-04T00:00:00.000Z"]


def answer(**found: Any) -> list[dict[str, Any]]:
    return [{"chunk": FIRST, "stored": 10, "d3n": 2, "d3u": 7, "m1g": 0, "m1d": 2.0} | found]


def test_a_shape_of_each_chunk_and_a_dimension_that_is_not_there_is_null_throughout() -> None:
    found = shapes(answer(), pipeline(), DAYS, TYPES)
    first = found[str(DAYS[0])]
    assert (first["stored"], first["nulls"]["code"], first["distinct"]["code"]) == (10, 2, 7)
    assert (first["nulls"]["units"], first["distinct"]["units"]) == (10, 0)
    assert (first["negative"], first["magnitude"]) == ({"value_sum": 0}, {"value_sum": 2})
    assert found[str(DAYS[1])]["stored"] == 0


def test_parts_of_one_chunk_add_up_and_the_larger_magnitude_stands() -> None:
    both = Interval.parse("2026-09-01/2026-09-03")
    second = answer(chunk="2026-09-02T00:00:00.000Z", m1d="NaN")
    found = shapes([*answer(), *second], pipeline(), [both], TYPES)[str(both)]
    assert (found["stored"], found["nulls"]["code"], found["magnitude"]["value_sum"]) == (20, 4, 999)
    lowest = shapes(answer(m1d="-Infinity"), pipeline(), [both], TYPES)[str(both)]
    assert lowest["magnitude"]["value_sum"] == 0


def test_hours_of_days_and_days_of_months() -> None:
    assert "'PT1H'" in units_query(pipeline(), DAYS)[0]
    monthly = pipeline().model_copy(update={"granularity": GranularitySpec(segment=Granularity.MONTH)})
    assert "'P1D'" in units_query(monthly, DAYS)[0]
    cut = pipeline().model_copy(update={"granularity": GranularitySpec(query="DAY")})
    assert "'P1D'" in units_query(cut, DAYS)[0]
    other = units_query(pipeline(), DAYS, datasource="others")[0]
    assert 'FROM "others"' in other


def test_units_without_rows_are_not_told() -> None:
    found = units_by_interval([{"chunk": FIRST, "n": 5}, {"chunk": "2026-09-01T01:00:00.000Z", "n": None}], DAYS)
    assert found == {str(DAYS[0]): {FIRST: 5}, str(DAYS[1]): {}}


def test_types_by_column() -> None:
    assert types_of([{"COLUMN_NAME": "code", "DATA_TYPE": "VARCHAR"}]) == {"code": "VARCHAR"}
