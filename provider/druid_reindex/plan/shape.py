"""What the rows of a time chunk look like, in counts alone: nulls, distinct values, signs, magnitudes, hours with rows.

Two SQL queries measure a datasource before its rebuild and after it; no value of a row is in their answers. An extreme
is told by its number of decimal places only, because it would be a row's value.
Source: https://druid.apache.org/docs/25.0.0/querying/sql-aggregations.html
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from druid_reindex.model.interval import Granularity, Interval, format_instant, parse_instant
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.plan.measure import Query, counted, grouped, quoted

Shape = dict[str, Any]
"""``stored`` rows; by dimension ``nulls`` and ``distinct``; by metric ``negative`` rows and ``magnitude``."""

_NUMBERS = frozenset({"BIGINT", "FLOAT", "DOUBLE"})
_COUNTS = ("nulls", "distinct", "negative", "magnitude")
# Rows are counted by the hour within a day, and by the day within what is longer.
_UNITS = {Granularity.HOUR: "PT1H", Granularity.DAY: "PT1H"}
_DAY = "P1D"


def types_of(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """SQL's types by column, in the answer to ``datasource_import.COLUMNS_SQL``."""
    return {str(row["COLUMN_NAME"]): str(row["DATA_TYPE"]) for row in listed}


def shape_query(pipeline: Pipeline, intervals: Sequence[Interval], types: Mapping[str, str]) -> Query:
    """SQL and parameters that measure those of the pipeline's columns that are among ``types``, chunk by chunk.

    Distinct values are counted by a sketch, whose answer is the same for the same values.
    """
    select = [f"{sql} AS {alias}" for alias, _, _, sql in _measured(pipeline, types)]
    return grouped(pipeline, intervals, None, ["COUNT(*) AS stored", *select])


def shapes(
    answer: Iterable[Mapping[str, Any]], pipeline: Pipeline, intervals: Iterable[Interval], types: Mapping[str, str]
) -> dict[str, Shape]:
    """What ``shape_query``'s answer says of each of ``intervals``; a dimension that is not there is null throughout."""
    rows = [(parse_instant(str(row["chunk"])), row) for row in answer]
    measured = list(_measured(pipeline, types))
    absent = [each.name for each in pipeline.dimensions if each.name not in types]
    return {
        str(each): _shape(measured, absent, [row for at, row in rows if each.start <= at < each.end])
        for each in intervals
    }


def units_query(pipeline: Pipeline, intervals: Sequence[Interval], *, datasource: str | None = None) -> Query:
    """SQL and parameters that count the rows of each hour, or of each day of a chunk that is longer than one.

    Timestamps that the pipeline cuts to a day are counted by the day.
    """
    period = _UNITS.get(pipeline.granularity.segment, _DAY) if pipeline.granularity.query != "DAY" else _DAY
    return grouped(pipeline, intervals, datasource, [f"{counted(pipeline)} AS n"], period=period)


def units_by_interval(answer: Iterable[Mapping[str, Any]], intervals: Iterable[Interval]) -> dict[str, dict[str, int]]:
    """The rows of each unit of time that has any, by its start, within each of ``intervals``."""
    found = [(parse_instant(str(row["chunk"])), int(row["n"] or 0)) for row in answer]
    return {
        str(each): {format_instant(at): n for at, n in found if n and each.start <= at < each.end} for each in intervals
    }


def _measured(pipeline: Pipeline, types: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """Alias, what is counted, column and SQL of all that is measured of the columns in ``types``.

    No expression is worked out row by row: release 25 cannot, where a segment lacks the column.
    """
    for i, dimension in enumerate(pipeline.dimensions):
        if dimension.name in types:
            column = quoted(dimension.name)
            yield f"d{i}n", "nulls", dimension.name, f"COUNT(*) FILTER (WHERE {column} IS NULL)"
            yield f"d{i}u", "distinct", dimension.name, f"APPROX_COUNT_DISTINCT({column})"
    for i, metric in enumerate(pipeline.metrics):
        if types.get(metric.name) in _NUMBERS:
            column = quoted(metric.name)
            yield f"m{i}g", "negative", metric.name, f"COUNT(*) FILTER (WHERE {column} < 0)"
            yield f"m{i}d", "magnitude", metric.name, f"CEIL(LOG10(GREATEST(MAX({column}), 0 - MIN({column})) + 1))"


def _shape(
    measured: Iterable[tuple[str, str, str, str]], absent: Iterable[str], rows: Sequence[Mapping[str, Any]]
) -> Shape:
    stored = sum(int(row["stored"]) for row in rows)
    shape: Shape = {"stored": stored} | {name: {} for name in _COUNTS}
    for alias, what, column, _ in measured:
        values = [_whole(row[alias]) for row in rows if row[alias] is not None]
        shape[what][column] = max(values, default=0) if what == "magnitude" else sum(values)
    for column in absent:
        shape["nulls"][column], shape["distinct"][column] = stored, 0
    return shape


def _whole(value: Any) -> int:
    """The whole number in a JSON value; NaN and the infinities, which Druid writes as texts, are beyond all others."""
    number = float(value)
    return math.ceil(number) if math.isfinite(number) else (999 if number != -math.inf else 0)
