"""The time chunks of a timeline, and what is wrong with each."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from druid_reindex.model.interval import Granularity, Interval, umbrella
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Reason
from druid_reindex.plan.partitions import PartitionSet
from druid_reindex.plan.timeline import Piece

# Segments that others wrote are too many beyond this multiple of the ideal number.
FRAGMENTED_FACTOR = 1.5
# A set that one job wrote whole is taken as that job's decision while its segments hold this share of the target on
# average; a rebuild gives more than half of it, so a rebuilt chunk is not chosen again.
SETTLED_FILL_MIN = 0.25
SETTLED_FILL_MAX = 1.5
# A hashed shard that gets no row is not written, and a set that lacks a shard never becomes visible.
MIN_ROWS_PER_SHARD = 1_000

_INSTANT = timedelta(microseconds=1)


@dataclass
class Span:
    """One time chunk, or as many as a segment holds together, with the pieces that serve it.

    ``leftovers`` are what an earlier rebuild left visible of a longer segment: stretches in which that segment had no
    rows, so that nothing newer covers them.
    """

    interval: Interval
    buckets: int
    pieces: list[Piece] = field(default_factory=list)
    leftovers: list[Piece] = field(default_factory=list)

    @property
    def served(self) -> list[Piece]:
        """All pieces, in order of time."""
        return sorted((*self.pieces, *self.leftovers), key=lambda piece: piece.interval)

    @property
    def sets(self) -> list[PartitionSet]:
        """The sets that hold data, leftovers aside, each once."""
        sets = {(p.source.interval, p.source.version): p.source for p in self.pieces if not p.source.is_tombstone}
        return list(sets.values())

    @property
    def has_data(self) -> bool:
        """Whether any of it can hold rows."""
        return any(not piece.source.is_tombstone for piece in (*self.pieces, *self.leftovers))


def spans(pieces: Sequence[Piece], granularity: Granularity) -> list[Span]:
    """The chunks that ``pieces`` fill, in order; one grows over several while a segment holds them together."""
    left_over = _leftovers(pieces, granularity)
    extents: dict[tuple[Interval, str], list[Interval]] = defaultdict(list)
    aligned: list[Interval] = []
    for piece in pieces:
        key = (piece.source.interval, piece.source.version)
        extents[key].append(piece.interval)
        aligned.append(_align(piece.interval, granularity))
    aligned += [_align(umbrella(parts), granularity) for key, parts in extents.items() if key not in left_over]
    merged = [Span(interval, sum(1 for _ in granularity.chunks(interval))) for interval in merge(aligned)]
    starts = [span.interval.start for span in merged]
    for piece in pieces:
        span = merged[bisect_right(starts, piece.interval.start) - 1]
        of_longer = (piece.source.interval, piece.source.version) in left_over
        (span.leftovers if of_longer else span.pieces).append(piece)
    return merged


def shards_for(pipeline: Pipeline, segments: Iterable[Segment], buckets: int = 1) -> int:
    """How many segments of the target size each of ``buckets`` chunks needs; by bytes alone where rows are unknown."""
    listed = list(segments)
    return _shards(_fill(pipeline, listed), _rows(listed), buckets)


def is_well_sized(pipeline: Pipeline, segments: int, size_bytes: int, rows: int | None) -> bool:
    """Whether a set that one job wrote whole is neither fragmented nor oversized, as ``reasons`` would say."""
    fill = _full(pipeline, size_bytes, rows)
    return not _is_too_thin(segments, fill) and not (_shards(fill, rows) > segments and _is_too_full(segments, fill))


def has_its_columns(pipeline: Pipeline, dimensions: Iterable[str], metrics: Iterable[str]) -> bool:
    """Whether a segment's columns are the pipeline's; it does not list a dimension that is null in all its rows.

    A segment that lists no column at all is not judged.
    """
    has_dimensions, has_metrics = set(dimensions), set(metrics)
    if not has_dimensions and not has_metrics:
        return True
    known = {column.name for column in pipeline.dimensions}
    return has_dimensions <= known and has_metrics == {column.name for column in pipeline.metrics}


def reasons(pipeline: Pipeline, span: Span, *, forced: bool) -> tuple[Reason, ...]:
    """Why ``span`` should be rebuilt; none when it is as it should be."""
    sets = span.sets
    segments = [segment for entry in sets for segment in entry.segments]
    tests = {
        Reason.FRAGMENTED: _is_fragmented(pipeline, sets, segments, span.buckets),
        Reason.OVERSIZED: _is_oversized(pipeline, sets, segments, span.buckets),
        Reason.SEVERAL_VERSIONS: len({entry.version for entry in sets}) > 1,
        Reason.MIXED_SCHEMA: _is_mixed(pipeline, sets, segments),
        Reason.WRONG_GRANULARITY: bool(sets) and _is_misfit(span),
        Reason.FORCED: forced,
    }
    return tuple(reason for reason, holds in tests.items() if holds)


def _leftovers(pieces: Sequence[Piece], granularity: Granularity) -> set[tuple[Interval, str]]:
    """The sets longer than a chunk that a newer set of the right granularity covers in part."""
    starts = [piece.interval.start for piece in pieces]
    found: set[tuple[Interval, str]] = set()
    for source in (piece.source for piece in pieces):
        key = (source.interval, source.version)
        if key in found or granularity.chunk(source.interval.start).contains(source.interval):
            continue
        within = pieces[bisect_left(starts, source.interval.start) : bisect_left(starts, source.interval.end)]
        if any(_fits(p.source, granularity) and p.source.version > source.version for p in within):
            found.add(key)
    return found


def _fits(source: PartitionSet, granularity: Granularity) -> bool:
    return source.interval == granularity.chunk(source.interval.start) and not source.is_tombstone


def _is_misfit(span: Span) -> bool:
    return span.buckets > 1 or any(piece.source.interval != span.interval for piece in span.pieces)


def _align(interval: Interval, granularity: Granularity) -> Interval:
    return Interval(granularity.chunk(interval.start).start, granularity.chunk(interval.end - _INSTANT).end)


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """``intervals`` in order, those that overlap made one."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and merged[-1].overlaps(interval):
            interval = umbrella((merged.pop(), interval))  # noqa: PLW2901
        merged.append(interval)
    return merged


def _rows(segments: Sequence[Segment]) -> int | None:
    counts = [segment.num_rows for segment in segments]
    return None if None in counts else sum(count for count in counts if count is not None)


def _fill(pipeline: Pipeline, segments: Sequence[Segment]) -> float:
    """How many full segments hold what ``segments`` hold, by rows or by bytes, whichever is more."""
    return _full(pipeline, sum(segment.size_bytes for segment in segments), _rows(segments))


def _full(pipeline: Pipeline, size_bytes: int, rows: int | None) -> float:
    sizing = pipeline.partitioning
    return max(size_bytes / sizing.target_segment_bytes, (rows or 0) / sizing.target_rows_per_segment)


def _shards(fill: float, rows: int | None, buckets: int = 1) -> int:
    shards = math.ceil(fill / buckets)
    if rows is not None:
        shards = min(shards, rows // (buckets * MIN_ROWS_PER_SHARD))
    return max(1, shards)


def _is_too_thin(segments: int, fill: float) -> bool:
    return segments > 1 and fill < SETTLED_FILL_MIN * segments


def _is_too_full(segments: int, fill: float) -> bool:
    return fill > SETTLED_FILL_MAX * segments


def _is_settled(sets: Sequence[PartitionSet]) -> bool:
    return len(sets) == 1 and sets[0].is_one_job


def _is_fragmented(pipeline: Pipeline, sets: Sequence[PartitionSet], segments: Sequence[Segment], buckets: int) -> bool:
    if _is_settled(sets):
        return _is_too_thin(len(segments), _fill(pipeline, segments))
    return len(segments) > FRAGMENTED_FACTOR * buckets * shards_for(pipeline, segments, buckets)


def _is_oversized(pipeline: Pipeline, sets: Sequence[PartitionSet], segments: Sequence[Segment], buckets: int) -> bool:
    if shards_for(pipeline, segments, buckets) * buckets <= len(segments):
        return False
    if _is_settled(sets):
        return _is_too_full(len(segments), _fill(pipeline, segments))
    return any(_is_too_full(1, _fill(pipeline, [segment])) for segment in segments)


def _is_mixed(pipeline: Pipeline, sets: Sequence[PartitionSet], segments: Sequence[Segment]) -> bool:
    """Whether columns differ from the pipeline's, or among segments of different jobs.

    A segment does not list a dimension that is null in all its rows, so a missing dimension alone says nothing, and the
    segments of one job may differ.
    """
    known = {(frozenset(s.dimensions), frozenset(s.metrics)) for s in segments if s.dimensions or s.metrics}
    if not all(has_its_columns(pipeline, *columns) for columns in known):
        return True
    return len(known) > 1 and not _is_settled(sets)
