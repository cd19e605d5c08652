"""Tests of what Druid is asked for chunks."""

from __future__ import annotations

from typing import Any

from druid_reindex.clients.measured import measured
from druid_reindex.model.datasource_import import COLUMNS_SQL
from druid_reindex.model.interval import Interval
from timelines import pipeline
from twins import FakeDruid

DAY = Interval.parse("2026-09-01/2026-09-02")


def answers(sql: str, _parameters: Any) -> list[dict[str, Any]]:
    if sql == COLUMNS_SQL:
        return [{"COLUMN_NAME": "events", "DATA_TYPE": "BIGINT"}, {"COLUMN_NAME": "code", "DATA_TYPE": "VARCHAR"}]
    return [{"chunk": "2026-09-01T00:00:00.000Z", "n": 5, "stored": 4, "m0": 5}]


def test_rows_and_sums_come_by_one_query_after_the_columns() -> None:
    asked: list[tuple[str, Any]] = []
    druid = FakeDruid(answers=lambda sql, parameters: asked.append((sql, parameters)) or answers(sql, parameters))
    found = measured(druid, pipeline(), [DAY], "patient_vitals")
    assert found.rows == {str(DAY): 5}
    assert found.sums == {str(DAY): {"COUNT(*)": 4, "events": 5}}
    (columns, named), (sql, _) = asked
    assert (columns, named) == (COLUMNS_SQL, [{"type": "VARCHAR", "value": "patient_vitals"}])
    assert 'FROM "patient_vitals"' in sql
    assert "value_sum" not in sql


def test_stored_rows_are_no_metric() -> None:
    found = measured(FakeDruid(answers=answers), pipeline(), [DAY], "patient_vitals")
    assert found.metrics == {str(DAY): {"events": 5}}
