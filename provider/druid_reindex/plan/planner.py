"""Which time chunks a night rebuilds, why, into how many segments, and in which batches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from druid_reindex.model.interval import Granularity, Interval, umbrella
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason
from druid_reindex.plan.timeline import PartitionSet, visible

# A chunk counts as badly sized only beyond these factors of the ideal, so that a rebuilt chunk is not chosen again.
FRAGMENTED_FACTOR = 1.5
OVERSIZED_FACTOR = 2.0


def plan_night(
    pipeline: Pipeline, segments: Iterable[Segment], window: Interval, forced: Sequence[Interval] = ()
) -> NightPlan:
    """The plan for the chunks that lie in ``window``; ``segments`` are the datasource's used ones that overlap it."""
    groups = group_by_chunk(visible(segments), pipeline.granularity.segment)
    considered = [(interval, sets) for interval, sets in groups if window.contains(interval)]
    chunks = [chunk for interval, sets in considered if (chunk := _judge(pipeline, interval, sets, forced)).reasons]
    return NightPlan(
        datasource=pipeline.datasource,
        considered_chunks=len(considered),
        batches=tuple(cut_batches(chunks, pipeline.policy.max_chunks_per_batch)),
        explanation=_explain(len(considered), chunks, window),
    )


def group_by_chunk(
    sets: Iterable[PartitionSet], granularity: Granularity
) -> list[tuple[Interval, tuple[PartitionSet, ...]]]:
    """Visible partition sets by the time chunk that holds them; a chunk grows until it cuts no segment."""
    groups: list[tuple[Interval, list[PartitionSet]]] = []
    for entry in sets:
        span = umbrella(granularity.chunks(entry.interval))
        if groups and groups[-1][0].overlaps(span):
            interval, members = groups.pop()
            groups.append((umbrella((interval, span)), [*members, entry]))
        else:
            groups.append((span, [entry]))
    return [(interval, tuple(members)) for interval, members in groups]


def ideal_shards(pipeline: Pipeline, segments: Sequence[Segment]) -> int:
    """How many segments of the target size hold what ``segments`` hold; by bytes alone where rows are unknown."""
    sizing = pipeline.partitioning
    by_bytes = sum(segment.size_bytes for segment in segments) / sizing.target_segment_bytes
    by_rows = sum(segment.num_rows or 0 for segment in segments) / sizing.target_rows_per_segment
    return max(1, math.ceil(max(by_bytes, by_rows)))


def cut_batches(chunks: Sequence[Chunk], max_chunks: int) -> list[Batch]:
    """``chunks`` in batches of one job each: equal numbers of shards, in order of time, at most ``max_chunks``."""
    batches: list[Batch] = []
    for shards in sorted({chunk.shards for chunk in chunks}):
        alike = [chunk for chunk in chunks if chunk.shards == shards]
        for start in range(0, len(alike), max_chunks):
            batches.append(Batch(len(batches), tuple(alike[start : start + max_chunks]), shards))
    return batches


def _judge(pipeline: Pipeline, interval: Interval, sets: tuple[PartitionSet, ...], forced: Sequence[Interval]) -> Chunk:
    segments = tuple(segment for entry in sets for segment in entry.segments)
    granularity = pipeline.granularity.segment
    pieces = sum(1 for _ in granularity.chunks(interval))
    shards = max(1, math.ceil(ideal_shards(pipeline, segments) / pieces))
    ideal = shards * pieces
    tests = {
        Reason.FRAGMENTED: len(segments) > FRAGMENTED_FACTOR * ideal,
        Reason.OVERSIZED: ideal > OVERSIZED_FACTOR * len(segments),
        Reason.SEVERAL_VERSIONS: len({entry.version for entry in sets}) > 1,
        Reason.MIXED_SCHEMA: _is_mixed(sets),
        Reason.WRONG_GRANULARITY: any(entry.interval != granularity.chunk(entry.interval.start) for entry in sets),
        Reason.FORCED: any(interval.overlaps(wanted) for wanted in forced),
    }
    return Chunk(interval, segments, tuple(reason for reason, holds in tests.items() if holds), shards)


def _is_mixed(sets: Sequence[PartitionSet]) -> bool:
    """Whether the segments differ in their columns, other than by what one rebuild leaves out.

    A segment does not list a column that holds only nulls in it, so the shards of one hashed set may well differ.
    """
    segments = [segment for entry in sets for segment in entry.segments]
    if len(sets) == 1 and all(segment.shard_spec_type == "hashed" for segment in segments):
        return False
    return len({(frozenset(segment.dimensions), frozenset(segment.metrics)) for segment in segments}) > 1


def _explain(considered: int, chunks: Sequence[Chunk], window: Interval) -> str:
    looked = f"{considered} time chunks considered in {window}"
    if not considered:
        return f"{looked}: the datasource serves nothing there; nothing to do"
    if not chunks:
        return f"{looked}: each is served by one version, in segments of the wanted size; nothing to do"
    counts = Counter(reason for chunk in chunks for reason in chunk.reasons)
    why = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    return f"{looked}: {len(chunks)} to rebuild ({why})"
