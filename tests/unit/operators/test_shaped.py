"""How the rows of chunks look to Druid."""

from __future__ import annotations

from datetime import timedelta

from druid_reindex.model.datasource_import import COLUMNS_SQL
from druid_reindex.model.interval import Interval
from druid_reindex.operators.shaped import CHUNKS_PER_QUERY, shaped_now
from druid_reindex.operators.validate import ValidateSegmentsOperator
from night_world import DAY, World, make

DAYS = [Interval.parse(DAY)]


def test_three_queries_tell_types_shape_and_hours(world: World) -> None:
    found = shaped_now(make(ValidateSegmentsOperator, "validate"), DAYS, of_rows="patient_vitals").to_record()
    assert found["types"] == {"events": "BIGINT", "code": "VARCHAR"}
    assert found["shape"][DAY]["nulls"]["code"] == 100
    assert found["shape"][DAY]["negative"] == {"events": 100}
    assert found["units"] == {DAY: {"2026-09-01T00:00:00.000Z": 100}}


def test_many_chunks_are_asked_for_some_at_a_time(world: World) -> None:
    answers, asked = world.druid.answers, []
    world.druid.answers = lambda sql, parameters: asked.append(sql) or answers(sql, parameters)
    start = DAYS[0].start
    days = [Interval(start + timedelta(days=n), start + timedelta(days=n + 1)) for n in range(CHUNKS_PER_QUERY + 1)]
    found = shaped_now(make(ValidateSegmentsOperator, "validate"), days, of_rows="patient_vitals")
    assert len(found.shape) == len(days)
    assert sum("APPROX_COUNT_DISTINCT" in sql for sql in asked) == 2


def test_a_datasource_that_is_not_there_yet_has_the_hours_of_its_source_alone(world: World) -> None:
    answers = world.druid.answers
    world.druid.answers = lambda sql, parameters: [] if sql == COLUMNS_SQL else answers(sql, parameters)
    found = shaped_now(make(ValidateSegmentsOperator, "validate"), DAYS, of_rows="others")
    assert (found.types, found.shape) == ({}, {})
    assert found.units[DAY] == {"2026-09-01T00:00:00.000Z": 100}
