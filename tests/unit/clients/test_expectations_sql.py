"""The expectations that are counted in plain SQL."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.clients.expectations_sql import COUNTED, count_query, within
from druid_reindex.model.expectation import EXPECTATIONS, Expectation
from druid_reindex.model.interval import Interval

DAYS = [Interval.parse(f"2026-09-0{n}/2026-09-0{n + 1}") for n in (3, 1, 2, 5)]


def asked(**expectation: Any) -> str:
    return count_query("vitals", DAYS[:1], Expectation.model_validate(expectation))


def test_days_in_a_row_are_one_span() -> None:
    first, second = within(DAYS).split(" OR ")
    assert "MILLIS_TO_TIMESTAMP(1788220800000)" in first
    assert "MILLIS_TO_TIMESTAMP(1788480000000)" in first
    assert "MILLIS_TO_TIMESTAMP(1788566400000)" in second


def test_what_stands_twice_is_counted_without_a_cast() -> None:
    sql = asked(type="expect_compound_columns_to_be_unique", column_list=["code", 'a"b'])
    assert sql.startswith('SELECT COUNT(*) FROM (SELECT 1 FROM "vitals" WHERE (("__time" >=')
    assert sql.endswith('"code" IS NOT NULL AND "a""b" IS NOT NULL GROUP BY "code", "a""b" HAVING COUNT(*) > 1)')


STRANGE = """COUNT(*) FILTER (WHERE "c" IS NOT NULL AND "c" NOT IN ('a', 'b''c')) AS c0"""
FIRST, SECOND = """COUNT(*) FILTER (WHERE "c" = 'a') AS c1""", """COUNT(*) FILTER (WHERE "c" = 'b''c') AS c2"""


@pytest.mark.parametrize(
    ("name", "select"),
    [
        ("be_in_set", STRANGE),
        ("to_contain_set", f"0 AS c0, {FIRST}, {SECOND}"),
        ("to_equal_set", f"{STRANGE}, {FIRST}, {SECOND}"),
    ],
)
def test_members_of_a_set_are_counted_one_by_one(name: str, select: str) -> None:
    kind = next(each for each in COUNTED if each.endswith(name))
    assert select in asked(type=kind, column="c", value_set=["a", "b'c"])


def test_numbers_are_written_without_quotes() -> None:
    assert "NOT IN (1, 2.5)" in asked(type="expect_column_distinct_values_to_be_in_set", column="c", value_set=[1, 2.5])


def test_each_is_an_expectation_that_a_pipeline_may_have() -> None:
    assert set(EXPECTATIONS) >= COUNTED
