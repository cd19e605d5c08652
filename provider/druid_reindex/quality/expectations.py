"""What must hold of a batch: of each chunk by bounds, of all of it by a suite that Great Expectations runs.

A chunk that is built from the datasource's own segments alone must have the rows, sums, hours and nulls of before. One
that is built from another datasource must have the rows and sums of that, and looks like what was served before it.
Files are known by their number of rows: they may add that many, and values that nobody has summed up.
Source: https://druid.apache.org/docs/25.0.0/querying/sql-aggregations.html (the error of a sketch is about 2%)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.model.expectation import Expectation
from druid_reindex.model.interval import Interval, umbrella
from druid_reindex.model.pipeline import Metric, Pipeline

# Doubles are added up in the order in which servers answer, and floats are stored with seven digits.
DOUBLE_TOLERANCE = 1e-9
FLOAT_TOLERANCE = 1e-6
# Three times the error of Druid's sketch; the same values give the same answer, so a few are counted exactly.
SKETCH_TOLERANCE = 0.07
# What may change by itself where the inputs did.
NULL_SHARE_DRIFT = 0.05
DISTINCT_DRIFT = 0.5
MAGNITUDE_DRIFT = 2
OVERSIZED_FACTOR = 3

_COMPARED = ("nulls", "distinct", "negative", "magnitude")

Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """That a fact of a chunk lies within bounds; None leaves a side open, ``tolerance`` is relative."""

    chunk: str
    check: str
    of: str = ""
    low: float | None = None
    high: float | None = None
    tolerance: float = 0.0

    def admits(self, found: float) -> bool:
        """Whether ``found`` lies within the bounds."""
        above = self.low is None or found >= self.low or self._is_close(found, self.low)
        below = self.high is None or found <= self.high or self._is_close(found, self.high)
        return above and below and not math.isnan(found)

    @property
    def bounds(self) -> str:
        """The bounds as a person reads them."""
        match self.low, self.high:
            case None, None:
                return "any number"
            case None, high:
                return f"at most {high:.15g}"
            case low, None:
                return f"at least {low:.15g}"
            case low, high if low == high:
                return f"{low:.15g}"
        return f"{self.low:.15g} to {self.high:.15g}"

    def _is_close(self, found: float, bound: float) -> bool:
        return math.isclose(found, bound, rel_tol=self.tolerance, abs_tol=self.tolerance)


@dataclass(frozen=True, slots=True)
class Before:
    """What was measured before a batch's rebuild, by chunk, as its records have it.

    ``rows`` and ``sums`` are those of what the chunk is built from, ``units`` its rows by the hour or day; ``shape`` is
    that of what was served, its ``types`` by column. ``file_rows`` are those of files, None where nobody counted them.
    """

    rows: Mapping[str, int]
    sums: Mapping[str, Numbers]
    units: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    shape: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    file_rows: int | None = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """The ``chunks`` of a batch, with how many time chunks each holds; each of these is to have ``shards`` segments."""

    chunks: Mapping[str, int]
    shards: int

    @property
    def whole(self) -> str:
        """The interval around all of them, under which what is said of the whole batch is told."""
        return str(umbrella(map(Interval.parse, self.chunks)))


def of_chunks(pipeline: Pipeline, before: Before, batch: Batch, types: Mapping[str, str]) -> list[Wanted]:
    """What must hold of each chunk of the batch, and of the batch; ``types`` are those of the columns now."""
    wanted = [each for chunk in batch.chunks for each in _of_chunk(pipeline, before, chunk, types)]
    wanted += [each for chunk in batch.chunks for each in _stored(pipeline, before, batch, chunk)]
    if before.file_rows:
        most = sum(before.rows.values()) + before.file_rows
        wanted.append(Wanted(batch.whole, "rows", "the whole batch", high=most))
    return wanted


def types(pipeline: Pipeline) -> dict[str, str]:
    """Druid's type of each column of the pipeline, sketches and texts of aggregators left out."""
    kinds = {"count": "LONG", "long": "LONG", "double": "DOUBLE", "float": "FLOAT"}
    metrics = {metric.name: next((t for k, t in kinds.items() if _kind(metric).startswith(k)), "")
               for metric in pipeline.metrics}  # fmt: skip
    columns = {each.name: each.type.upper() for each in pipeline.dimensions} | metrics
    return {name: kind for name, kind in columns.items() if kind}


def suite(pipeline: Pipeline, before: Before) -> list[Expectation]:
    """What Great Expectations is to find in the whole batch, the pipeline's own expectations at the end.

    Druid does not store a dimension that is null throughout, so those alone must be there that had values.
    """
    counted = _expect("expect_table_row_count_to_be_between", min_value=1) if any(before.rows.values()) else None
    known = [each.name for each in pipeline.dimensions if _total(before.shape.values(), "distinct", each.name)]
    known += [each.name for each in pipeline.metrics]
    return [
        *(_expect("expect_column_to_exist", column=name) for name in ("__time", *known)),
        *([counted] if counted else []),
        *_suite_sums(pipeline, before),
        *_suite_shapes(pipeline, before),
        *pipeline.expectations,
    ]


def _of_chunk(pipeline: Pipeline, before: Before, chunk: str, types: Mapping[str, str]) -> Iterator[Wanted]:
    rows, spare = before.rows[chunk], before.file_rows
    yield Wanted(chunk, "rows", low=rows, high=None if spare is None else rows + spare)
    for metric in pipeline.metrics:
        if metric.name in before.sums.get(chunk, {}):
            yield from _sum(metric, chunk, before.sums[chunk][metric.name], spare)
    for unit, n in before.units.get(chunk, {}).items():
        yield Wanted(chunk, "time", unit, low=n, high=n if spare == 0 else None)
    if before.shape.get(chunk, {}).get("stored"):
        yield from _shape(pipeline, before, chunk, types)


def _sum(metric: Metric, chunk: str, value: float, spare: int | None) -> Iterator[Wanted]:
    """The bounds of a metric; rows of files may move an extreme one way, and a sum by nobody knows what."""
    kind = _kind(metric)
    tolerance = 0.0 if kind == "count" or kind.startswith("long") else DOUBLE_TOLERANCE
    tolerance = FLOAT_TOLERANCE if kind.startswith("float") else tolerance
    if spare == 0:
        yield Wanted(chunk, "sum", metric.name, value, value, tolerance)
    elif kind == "count":
        yield Wanted(chunk, "sum", metric.name, value, None if spare is None else value + spare)
    elif kind.endswith("Min"):
        yield Wanted(chunk, "sum", metric.name, high=value, tolerance=tolerance)
    elif kind.endswith("Max"):
        yield Wanted(chunk, "sum", metric.name, low=value, tolerance=tolerance)


def _shape(pipeline: Pipeline, before: Before, chunk: str, types: Mapping[str, str]) -> Iterator[Wanted]:
    """The bounds of what the rows look like; a column whose type changed is not compared with what it was."""
    shape, same = before.shape[chunk], {name for name, kind in before.types.items() if types.get(name, kind) == kind}
    equal = before.file_rows == 0 and not pipeline.is_derived
    exact = equal and not pipeline.granularity.rollup
    compared = {what: {name: n for name, n in shape[what].items() if name in same} for what in _COMPARED}
    for name, nulls in compared["nulls"].items():
        share = nulls / shape["stored"] + (0.0 if exact else NULL_SHARE_DRIFT)
        yield Wanted(chunk, "nulls", name, high=share, tolerance=DOUBLE_TOLERANCE)
    for name, values in compared["distinct"].items():
        share = SKETCH_TOLERANCE if equal else DISTINCT_DRIFT
        yield Wanted(chunk, "distinct", name, values * (1 - share), values * (1 + share) if equal else None)
    for name, rows in compared["negative"].items():
        yield Wanted(chunk, "negative", name, low=rows if exact else None, high=rows if equal else None)
    for name, places in compared["magnitude"].items():
        yield Wanted(chunk, "magnitude", name, high=places + (0 if exact else MAGNITUDE_DRIFT))


def _stored(pipeline: Pipeline, before: Before, batch: Batch, chunk: str) -> Iterator[Wanted]:
    """What must hold of a chunk's segments: their columns, their number, their size, and that a Broker counts alike."""
    yield Wanted(chunk, "schema", "columns that the pipeline has not", high=0)
    yield Wanted(chunk, "schema", "metrics that are missing", high=0)
    yield Wanted(chunk, "segments", "versions", high=batch.chunks[chunk])
    yield Wanted(chunk, "segments", "rows that servers announce beyond those that they answer", low=0, high=0)
    if before.file_rows == 0:
        yield Wanted(
            chunk, "segments", "number", low=min(1, before.rows[chunk]), high=batch.shards * batch.chunks[chunk]
        )
        largest = OVERSIZED_FACTOR * pipeline.partitioning.target_segment_bytes
        yield Wanted(chunk, "segments", "bytes of the largest", high=largest)


def _suite_sums(pipeline: Pipeline, before: Before) -> Iterator[Expectation]:
    for metric in pipeline.metrics:
        parts = [sums[metric.name] for sums in before.sums.values() if metric.name in sums]
        if before.file_rows != 0 or not parts or not (_kind(metric) == "count" or _kind(metric).endswith("Sum")):
            continue
        total = math.fsum(parts)
        slack = abs(total) * (FLOAT_TOLERANCE if _kind(metric).startswith("float") else DOUBLE_TOLERANCE)
        slack = 0 if _kind(metric) == "count" or _kind(metric).startswith("long") else slack + DOUBLE_TOLERANCE
        low, high = (total - slack, total + slack) if slack else (int(total), int(total))
        yield _expect("expect_column_sum_to_be_between", column=metric.name, min_value=low, max_value=high)


def _suite_shapes(pipeline: Pipeline, before: Before) -> Iterator[Expectation]:
    """Shares of nulls, and metrics that were never negative."""
    stored = sum(shape["stored"] for shape in before.shape.values())
    if not stored:
        return
    for dimension in pipeline.dimensions:
        if dimension.name in before.types:
            nulls = _total(before.shape.values(), "nulls", dimension.name)
            low = max(0.0, round(1 - nulls / stored - NULL_SHARE_DRIFT, 6))
            name = "expect_column_proportion_of_non_null_values_to_be_between"
            yield _expect(name, column=dimension.name, min_value=low)
    for metric in pipeline.metrics:
        known = all(metric.name in shape["negative"] for shape in before.shape.values())
        if known and before.file_rows == 0 and not _total(before.shape.values(), "negative", metric.name):
            yield _expect("expect_column_min_to_be_between", column=metric.name, min_value=0)


def _total(shapes: Iterable[Mapping[str, Any]], what: str, name: str) -> int:
    return sum(shape[what].get(name, 0) for shape in shapes)


def _kind(metric: Metric) -> str:
    """The aggregator's type; of a filtered one that of what it filters for."""
    extra = metric.model_extra or {}
    return str(extra.get("aggregator", {}).get("type", "")) if metric.type == "filtered" else metric.type


def _expect(name: str, **arguments: Any) -> Expectation:
    return Expectation.model_validate({"type": name, **arguments})
