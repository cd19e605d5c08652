"""The expectations that are counted in plain SQL: Great Expectations cannot ask Druid, or would fetch values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from druid_reindex.model.expectation import Expectation
from druid_reindex.model.interval import Interval, umbrella
from druid_reindex.plan.measure import quoted

COUNTED = frozenset({
    "expect_column_values_to_be_unique",
    "expect_compound_columns_to_be_unique",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set",
})  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def within(intervals: Sequence[Interval]) -> str:
    """The SQL condition of the rows within any of ``intervals``; in milliseconds, which need no quotes."""
    joined: list[Interval] = []
    for each in sorted(intervals):
        if joined and each.start <= joined[-1].end:
            joined.append(umbrella((joined.pop(), each)))
        else:
            joined.append(each)
    return f"({' OR '.join(map(_span, joined))})"


def count_query(datasource: str, intervals: Sequence[Interval], expectation: Expectation) -> str:
    """SQL whose one row counts what must not be there, and then each value that must be."""
    rows = f"FROM {quoted(datasource)} WHERE {within(intervals)}"
    arguments = expectation.arguments
    if "unique" in expectation.type:
        columns = [quoted(name) for name in expectation.columns]
        known = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        twice = f"SELECT 1 {rows} AND {known} GROUP BY {', '.join(columns)} HAVING COUNT(*) > 1"
        return f"SELECT COUNT(*) FROM ({twice})"  # noqa: S608
    column, values = quoted(arguments["column"]), [_literal(value) for value in arguments["value_set"]]
    strange = f"COUNT(*) FILTER (WHERE {column} IS NOT NULL AND {column} NOT IN ({', '.join(values)}))"
    members = [f"COUNT(*) FILTER (WHERE {column} = {value})" for value in values]
    select = {
        "expect_column_distinct_values_to_be_in_set": [strange],
        "expect_column_distinct_values_to_contain_set": ["0", *members],
        "expect_column_distinct_values_to_equal_set": [strange, *members],
    }[expectation.type]
    named = [f"{sql} AS c{i}" for i, sql in enumerate(select)]
    return f"SELECT {', '.join(named)} {rows}"


def _literal(value: Any) -> str:
    """A text or a number as SQL writes it."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def _span(interval: Interval) -> str:
    start, end = _millis(interval.start), _millis(interval.end)
    return f'("__time" >= MILLIS_TO_TIMESTAMP({start}) AND "__time" < MILLIS_TO_TIMESTAMP({end}))'


def _millis(instant: datetime) -> int:
    return round((instant - _EPOCH).total_seconds() * 1000)
