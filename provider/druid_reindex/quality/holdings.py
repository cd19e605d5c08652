"""What the segments of a batch hold, each by itself: rows as Brokers count them, and its chunk's patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from druid_reindex.model.holding import UNKNOWN_PATIENTS, Holding
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.quality.facts import Facts

PROTOCOL = 1
SKETCH = "patients of the time chunk, by Druid's sketch, whose error is about 2%"
"""Source: https://druid.apache.org/docs/25.0.0/querying/sql-aggregations.html (APPROX_COUNT_DISTINCT)"""
NOBODY = "no row of the time chunk names a patient"
LONGER = "the segment is longer than the time chunk that was counted"
UNREAD = "nobody has counted the patients of the time chunk"


def distinct(pipeline: Pipeline, facts: Facts) -> dict[str, int]:
    """The distinct patients of each chunk that was asked about; none where the pipeline does not say who they are."""
    name = pipeline.patient_dimension
    return {chunk: round(n) for (chunk, check, of), n in facts.items() if check == "distinct" and of == name}


def holdings(
    pipeline: Pipeline,
    chunks: Mapping[str, Iterable[Segment]],
    patients: Mapping[str, int],
    place: Callable[[Segment], str],
) -> tuple[Holding, ...]:
    """What each of ``chunks``' segments holds, by the address that ``place`` gives it; each segment once."""
    found = {each.uri: each for each in _holdings(pipeline, chunks, patients, place)}
    return tuple(found[uri] for uri in sorted(found))


def _holdings(
    pipeline: Pipeline,
    chunks: Mapping[str, Iterable[Segment]],
    patients: Mapping[str, int],
    place: Callable[[Segment], str],
) -> Iterator[Holding]:
    for chunk, segments in chunks.items():
        for each in segments:
            is_within = Interval.parse(chunk).contains(each.interval)
            count, how = _patients(pipeline, patients.get(chunk)) if is_within else (None, LONGER)
            yield Holding(place(each), str(each.interval), each.num_rows, count, how)


def _patients(pipeline: Pipeline, counted: int | None) -> tuple[int | None, str]:
    """The count and how it was made; None, and why, where there is none or it says nothing."""
    if pipeline.patient_dimension is None:
        return None, UNKNOWN_PATIENTS
    if counted is None:
        return None, UNREAD
    return (counted, SKETCH) if counted else (None, NOBODY)
