"""What a rebuild must not change, per time chunk: rows, and every metric that adds up or has an extreme.

One SQL query measures a datasource; what is built from another one is measured in both.
Source: https://druid.apache.org/docs/25.0.0/querying/sql-scalar.html#date-and-time-functions
Source: https://druid.apache.org/docs/25.0.0/querying/sql-aggregations.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from druid_reindex.model.interval import Granularity, Interval, format_instant, parse_instant, umbrella
from druid_reindex.model.pipeline import Metric, Pipeline

STORED_ROWS = "COUNT(*)"
"""The name under which a chunk's stored rows are measured: equal for equal segments, not after a roll-up."""

# Doubles are added up in the order in which servers answer, so that the last digits of equal sums may differ.
RELATIVE_TOLERANCE = 1e-9

_PERIODS = {
    Granularity.HOUR: "PT1H",
    Granularity.DAY: "P1D",
    Granularity.WEEK: "P1W",
    Granularity.MONTH: "P1M",
    Granularity.YEAR: "P1Y",
}
_NUMBERS = frozenset({"BIGINT", "FLOAT", "DOUBLE"})
_AGGREGATES = {"count": "SUM"} | {
    f"{kind}{what}": what.upper() for kind in ("long", "float", "double") for what in ("Sum", "Min", "Max")
}
_JOINED: Mapping[str, Callable[[Iterable[float]], float]] = {"SUM": sum, "MIN": min, "MAX": max}

Query = tuple[str, list[dict[str, Any]]]
Sums = Mapping[str, float]


def rows_query(pipeline: Pipeline, intervals: Sequence[Interval], *, datasource: str | None = None) -> Query:
    """SQL and parameters that count the rows of each chunk within ``intervals``; those of ``datasource`` if given.

    Where rows roll up, stored rows may merge, so the sum of the ``count`` metric is what must stay equal. So it is
    where they come from another datasource, which has that metric too.
    """
    return grouped(pipeline, intervals, datasource, [f"{counted(pipeline)} AS n"])


def sums_query(
    pipeline: Pipeline, intervals: Sequence[Interval], columns: Collection[str], *, datasource: str | None = None
) -> Query:
    """As ``rows_query``, with the stored rows and those metrics that are among ``columns`` beside the rows.

    ``columns`` are the ``numeric_columns`` of the datasource: Druid refuses a query that names an unknown one.
    """
    measured = [
        f"{aggregate}({quoted(name)}) AS {alias}"
        for alias, name, aggregate in _measured(pipeline.metrics)
        if name in columns
    ]
    return grouped(pipeline, intervals, datasource, [f"{counted(pipeline)} AS n", "COUNT(*) AS stored", *measured])


def numeric_columns(answer: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The columns that hold numbers, in the answer to ``datasource_import.COLUMNS_SQL``."""
    return frozenset(str(row["COLUMN_NAME"]) for row in answer if row["DATA_TYPE"] in _NUMBERS)


def rows_by_interval(answer: Iterable[Mapping[str, Any]], intervals: Iterable[Interval]) -> dict[str, int]:
    """The rows of each of ``intervals`` in the answer to either query; 0 where it has none."""
    counted = [(parse_instant(str(row["chunk"])), int(row["n"] or 0)) for row in answer]
    return {str(each): sum(n for at, n in counted if each.start <= at < each.end) for each in intervals}


def sums_by_interval(
    answer: Iterable[Mapping[str, Any]], pipeline: Pipeline, intervals: Iterable[Interval], columns: Collection[str]
) -> dict[str, dict[str, float]]:
    """What ``sums_query``'s answer says of each of ``intervals``: its ``STORED_ROWS``, and its metrics by their names.

    A sum over nothing is 0, an extreme of nothing is absent.
    """
    rows = [(parse_instant(str(row["chunk"])), row) for row in answer]
    measured = [each for each in _measured(pipeline.metrics) if each[1] in columns]
    return {
        str(each): _joined(measured, [row for at, row in rows if each.start <= at < each.end]) for each in intervals
    }


def differences(wanted: Sums, found: Sums) -> list[str]:
    """What of ``wanted`` differs in ``found`` beyond the rounding of doubles, a phrase each; none when they are equal.

    Numbers alone are told, never a row.
    """
    return [
        f"{name} {wanted[name]:.15g} before, {found[name]:.15g} now" if name in found else f"{name} is not there"
        for name in unequal(wanted, found)
    ]


def unequal(wanted: Sums, found: Sums) -> list[str]:
    """The names of ``wanted`` that ``found`` lacks, or has otherwise beyond the rounding of doubles, in order."""
    return [name for name in sorted(wanted) if name not in found or not _equal(wanted[name], found[name])]


def quoted(name: str) -> str:
    """``name`` as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def grouped(
    pipeline: Pipeline,
    intervals: Sequence[Interval],
    datasource: str | None,
    select: Iterable[str],
    *,
    period: str | None = None,
) -> Query:
    """SQL and parameters that ask for ``select`` by each chunk, or other ISO 8601 ``period``, within ``intervals``."""
    whole = umbrella(intervals)
    period = period or _PERIODS[pipeline.granularity.segment]
    sql = (
        f"SELECT TIME_FLOOR(\"__time\", '{period}') AS chunk, {', '.join(select)} "  # noqa: S608
        f'FROM {quoted(datasource or pipeline.datasource)} WHERE "__time" >= ? AND "__time" < ? GROUP BY 1'
    )
    ends = (whole.start, whole.end)
    return sql, [{"type": "TIMESTAMP", "value": format_instant(end)} for end in ends]


def counted(pipeline: Pipeline) -> str:
    """What counts the rows that were ingested, as far as the pipeline keeps them apart."""
    count = counting_metric(pipeline)
    return f"SUM({quoted(count)})" if count else "COUNT(*)"


def counting_metric(pipeline: Pipeline) -> str | None:
    """The metric that adds up to the rows that were ingested; None where each stored row counts as one."""
    return pipeline.count_metric if pipeline.granularity.rollup or pipeline.is_derived else None


def aggregate_of(metric: Metric) -> str | None:
    """The SQL aggregate that joins stored values of the metric to what their rows have together; None without one.

    A stored ``filtered`` metric is combined as the aggregator that it filters for.
    Source: https://github.com/apache/druid/blob/25.0.0/processing/src/main/java/org/apache/druid/query/aggregation/FilteredAggregatorFactory.java
    """
    kind = (metric.model_extra or {}).get("aggregator", {}).get("type") if metric.type == "filtered" else metric.type
    return _AGGREGATES.get(kind)


def _measured(metrics: Sequence[Metric]) -> Iterator[tuple[str, str, str]]:
    """Alias, name and SQL aggregate of each metric that two segments of a chunk can be asked for together."""
    for number, metric in enumerate(metrics):
        if aggregate := aggregate_of(metric):
            yield f"m{number}", metric.name, aggregate


def _joined(measured: Iterable[tuple[str, str, str]], rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {STORED_ROWS: sum(int(row["stored"]) for row in rows)}
    for alias, name, aggregate in measured:
        values = [_number(row[alias]) for row in rows if row[alias] is not None]
        if values or aggregate == "SUM":
            found[name] = _JOINED[aggregate](values)
    return found


def _number(value: Any) -> float:
    """The number in a JSON value; Druid writes NaN and the infinities as texts."""
    return value if isinstance(value, int | float) else float(value)


def _equal(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE) or (math.isnan(one) and math.isnan(other))
