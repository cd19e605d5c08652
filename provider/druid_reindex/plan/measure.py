"""How rows are counted, per time chunk, before and after a rebuild: one SQL query, whose answer must not change.

Source: https://druid.apache.org/docs/25.0.0/querying/sql-scalar.html#date-and-time-functions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from druid_reindex.model.interval import Granularity, Interval, format_instant, parse_instant, umbrella
from druid_reindex.model.pipeline import Pipeline

_PERIODS = {
    Granularity.HOUR: "PT1H",
    Granularity.DAY: "P1D",
    Granularity.WEEK: "P1W",
    Granularity.MONTH: "P1M",
    Granularity.YEAR: "P1Y",
}


def rows_query(pipeline: Pipeline, intervals: Sequence[Interval]) -> tuple[str, list[dict[str, Any]]]:
    """SQL and parameters that count the rows of each chunk within ``intervals``.

    Where rows roll up, stored rows may merge, so the sum of the ``count`` metric is what must stay equal.
    """
    whole = umbrella(intervals)
    period = _PERIODS[pipeline.granularity.segment]
    sql = (
        f"SELECT TIME_FLOOR(\"__time\", '{period}') AS chunk, {_counted(pipeline)} AS n "  # noqa: S608
        f'FROM {quoted(pipeline.datasource)} WHERE "__time" >= ? AND "__time" < ? GROUP BY 1'
    )
    ends = (whole.start, whole.end)
    return sql, [{"type": "TIMESTAMP", "value": format_instant(end)} for end in ends]


def rows_by_interval(answer: Iterable[Mapping[str, Any]], intervals: Iterable[Interval]) -> dict[str, int]:
    """The rows of each of ``intervals`` in the answer to ``rows_query``; 0 where it has none."""
    counted = [(parse_instant(str(row["chunk"])), int(row["n"] or 0)) for row in answer]
    return {str(each): sum(n for at, n in counted if each.start <= at < each.end) for each in intervals}


def quoted(name: str) -> str:
    """``name`` as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _counted(pipeline: Pipeline) -> str:
    counts = [metric.name for metric in pipeline.metrics if metric.type == "count"]
    return f"SUM({quoted(counts[0])})" if pipeline.granularity.rollup and counts else "COUNT(*)"
