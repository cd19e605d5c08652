"""What was found of a batch, as numbers by chunk, check and column: the one form in which it is judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment

Key = tuple[str, str, str]
Facts = Mapping[Key, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """What Druid answers of a batch now, by chunk."""

    rows: Mapping[str, int]
    sums: Mapping[str, Mapping[str, float]]
    units: Mapping[str, Mapping[str, int]]
    shape: Mapping[str, Mapping[str, Any]]
    segments: Mapping[str, Iterable[Segment]]


def facts_of(pipeline: Pipeline, seen: Seen, units: Mapping[str, Iterable[str]]) -> Facts:
    """The facts of ``seen``; an hour of ``units`` that has no rows any more is one with 0."""
    found: dict[Key, float] = {}
    for chunk, rows in seen.rows.items():
        found[chunk, "rows", ""] = rows
        found |= {(chunk, "sum", name): value for name, value in seen.sums.get(chunk, {}).items()}
        found |= {(chunk, "time", unit): seen.units.get(chunk, {}).get(unit, 0) for unit in units.get(chunk, ())}
        found |= dict(_shape(chunk, seen.shape.get(chunk, {})))
        found |= dict(_stored(pipeline, chunk, seen))
    return found


def with_total(facts: Facts, whole: str) -> Facts:
    """``facts``, and the rows of the whole batch."""
    total = sum(value for (_, check, _), value in facts.items() if check == "rows")
    return {**facts, (whole, "rows", "the whole batch"): total}


def _shape(chunk: str, shape: Mapping[str, Any]) -> Iterator[tuple[Key, float]]:
    """A share of nulls where there are no rows is none, for rows that are missing are told as such."""
    stored = shape.get("stored", 0)
    for name, nulls in shape.get("nulls", {}).items():
        yield (chunk, "nulls", name), nulls / stored if stored else 0.0
    for check in ("distinct", "negative", "magnitude"):
        for name, value in shape.get(check, {}).items():
            yield (chunk, check, name), value


def _stored(pipeline: Pipeline, chunk: str, seen: Seen) -> Iterator[tuple[Key, float]]:
    segments = [each for each in seen.segments.get(chunk, ()) if _is_own(each, Interval.parse(chunk))]
    dimensions = {each.name for each in pipeline.dimensions}
    metrics = {each.name for each in pipeline.metrics}
    listed = [each for each in segments if each.dimensions or each.metrics]
    unknown = {name for each in listed for name in (*each.dimensions, *each.metrics)} - dimensions - metrics
    missing = {name for each in listed for name in metrics - set(each.metrics)}
    yield (chunk, "schema", "columns that the pipeline has not"), len(unknown)
    yield (chunk, "schema", "metrics that are missing"), len(missing)
    yield (chunk, "segments", "number"), len(segments)
    yield (chunk, "segments", "versions"), len({each.version for each in segments})
    yield (chunk, "segments", "bytes of the largest"), max((each.size_bytes for each in segments), default=0)
    announced = [each.num_rows for each in segments]
    if None not in announced and "stored" in seen.shape.get(chunk, {}):
        told = sum(rows for rows in announced if rows is not None) - seen.shape[chunk]["stored"]
        yield (chunk, "segments", "rows that servers announce beyond those that they answer"), told


def _is_own(segment: Segment, chunk: Interval) -> bool:
    """Whether it holds rows of the chunk alone: neither a tombstone nor what is left visible of a longer segment."""
    return segment.shard_spec_type != "tombstone" and chunk.contains(segment.interval)
