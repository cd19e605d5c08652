"""What the segments of a batch hold."""

from __future__ import annotations

from dataclasses import replace

from druid_reindex.model.holding import UNKNOWN_PATIENTS, Holding
from druid_reindex.model.segment import Segment
from druid_reindex.quality.holdings import LONGER, NOBODY, SKETCH, UNREAD, distinct, holdings
from timelines import pipeline
from twins import segment

DAY = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
OF_PATIENTS = pipeline(patient_dimension="code")


def held(segments: list[Segment], patients: dict[str, int], of: object = OF_PATIENTS) -> tuple[Holding, ...]:
    return holdings(of, {DAY: segments}, patients, lambda each: each.segment_id)  # type: ignore[arg-type]


def test_each_object_has_its_rows_and_its_chunks_patients() -> None:
    one, two = (segment(DAY, number=number, rows=rows) for number, rows in ((0, 10), (1, 20)))
    assert held([two, one], {DAY: 7}) == (
        Holding(one.segment_id, DAY, 10, 7, SKETCH),
        Holding(two.segment_id, DAY, 20, 7, SKETCH),
    )


def test_patients_are_the_distinct_values_of_the_dimension_that_names_them() -> None:
    facts = {(DAY, "distinct", "code"): 7.0, (DAY, "distinct", "units"): 3.0, (DAY, "nulls", "code"): 0.0}
    assert distinct(OF_PATIENTS, facts) == {DAY: 7}
    assert distinct(pipeline(patient_dimension=None), facts) == {}


def test_what_is_not_known_says_why() -> None:
    one = segment(DAY, rows=10)
    assert [(each.patients, each.how) for each in held([one], {DAY: 7}, pipeline(patient_dimension=None))] == [
        (None, UNKNOWN_PATIENTS)
    ]
    assert [(each.patients, each.how) for each in held([one], {})] == [(None, UNREAD)]
    assert [(each.patients, each.how) for each in held([one], {DAY: 0})] == [(None, NOBODY)]


def test_a_segment_that_is_longer_than_the_chunk_has_patients_that_nobody_counted() -> None:
    (found,) = held([segment("2026-09-01/2026-10-01", rows=900)], {DAY: 7})
    assert (found.rows, found.patients, found.how) == (900, None, LONGER)


def test_rows_that_no_broker_has_counted_are_unknown() -> None:
    (found,) = held([replace(segment(DAY), num_rows=None)], {DAY: 7})
    assert found.rows is None
