"""Which time chunks a night rebuilds, why, into how many segments, and in which batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from druid_reindex.model.interval import Granularity, Interval, umbrella
from druid_reindex.model.pipeline import Pipeline, StaticInput
from druid_reindex.model.segment import Segment
from druid_reindex.plan.chunks import Span, reasons, shards_for, spans
from druid_reindex.plan.night import Batch, Chunk, NightPlan
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.plan.reading import read_intervals
from druid_reindex.plan.timeline import serving, visible_segments


def plan_night(
    pipeline: Pipeline, segments: Iterable[Segment], window: Interval, forced: Sequence[Interval] = ()
) -> NightPlan:
    """The plan for the chunks that lie wholly in ``window`` or in the whole time chunks of a ``forced`` interval.

    ``segments`` are all used ones of the datasource that overlap either, overshadowed ones included; what reaches
    beyond is left alone, because what else serves there is not known.
    """
    used = list(segments)
    granularity = pipeline.granularity.segment
    wanted = [umbrella(granularity.chunks(interval)) for interval in forced]
    found = [span for span in spans(serving(used), granularity) if span.has_data]
    known = [span for span in found if any(area.contains(span.interval) for area in (window, *wanted))]
    if any(isinstance(entry, StaticInput) for entry in pipeline.inputs):
        known += _absent(found, wanted, granularity)
    chunks = [chunk for span in known if (chunk := _judge(pipeline, span, wanted)).reasons]
    batches = cut_batches(sorted(chunks, key=lambda chunk: chunk.interval), pipeline.policy.max_chunks_per_batch)
    return NightPlan(
        datasource=pipeline.datasource,
        considered_chunks=len(known),
        batches=tuple(replace(batch, bystanders=_bystanders(batch, used)) for batch in batches),
        explanation=_explain(known, len(found) - len(known), chunks, window),
    )


def cut_batches(chunks: Sequence[Chunk], max_chunks: int) -> list[Batch]:
    """``chunks`` (in order of time) in batches of one job each: equal shards, in order of time, at most ``max_chunks``.

    Batches are numbered from 0 by their first chunk.
    """
    alike: dict[int, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        alike[chunk.shards].append(chunk)
    cut = [
        tuple(group[start : start + max_chunks])
        for group in alike.values()
        for start in range(0, len(group), max_chunks)
    ]
    ordered = sorted(cut, key=lambda group: group[0].interval)
    return [Batch(number, group, group[0].shards) for number, group in enumerate(ordered)]


def _judge(pipeline: Pipeline, span: Span, forced: Sequence[Interval]) -> Chunk:
    why = reasons(pipeline, span, forced=any(span.interval.overlaps(interval) for interval in forced))
    data = [segment for segment in visible_segments(span.served) if segment.shard_spec_type != TOMBSTONE]
    segments = tuple(
        replace(segment, num_rows=0) if segment.shard_spec_type == TOMBSTONE else segment
        for segment in visible_segments(span.served)
    )
    return Chunk(span.interval, segments, why, shards_for(pipeline, data, span.buckets))


def _absent(found: Sequence[Span], wanted: Iterable[Interval], granularity: Granularity) -> list[Span]:
    """The forced time chunks that serve nothing yet: files may fill them."""
    asked = {chunk for interval in wanted for chunk in granularity.chunks(interval)}
    return [Span(chunk, 1) for chunk in asked if not any(span.interval.overlaps(chunk) for span in found)]


def _bystanders(batch: Batch, used: Iterable[Segment]) -> tuple[Segment, ...]:
    """The segments that are visible when the timeline is made of what overlaps the batch alone, and not its input."""
    intervals = list(read_intervals(batch.chunks))
    inputs = {segment.segment_id for chunk in batch.chunks for segment in chunk.segments}
    near = list(_overlapping(used, intervals))
    if all(segment.segment_id in inputs for segment in near):
        return ()
    return tuple(segment for segment in visible_segments(serving(near)) if segment.segment_id not in inputs)


def _overlapping(used: Iterable[Segment], intervals: Sequence[Interval]) -> Iterator[Segment]:
    if not intervals:
        return
    whole = umbrella(intervals)
    for segment in used:
        if segment.interval.overlaps(whole) and any(segment.interval.overlaps(interval) for interval in intervals):
            yield segment


def _explain(known: Sequence[Span], beyond: int, chunks: Sequence[Chunk], window: Interval) -> str:
    looked = f"{_counted(len(known))} considered between {_day(window.start.isoformat())} and "
    looked += f"{_day(window.end.isoformat())}"
    aside = f" ({_counted(beyond)} left alone: segments reach beyond the window)" if beyond > 0 else ""
    if not known:
        return f"{looked}{aside}: the datasource serves nothing there; nothing to do"
    if not chunks:
        return f"{looked}{aside}: each is served by one version in {_segments(known)}; nothing to do"
    counts = Counter(reason for chunk in chunks for reason in chunk.reasons)
    why = ", ".join(f"{reason} {counts[reason]}" for reason in sorted(counts))
    return f"{looked}{aside}: {len(chunks)} to rebuild ({why})"


def _counted(chunks: int) -> str:
    return f"{chunks} time chunk{'' if chunks == 1 else 's'}"


def _day(instant: str) -> str:
    """``instant`` without a time of day that is midnight."""
    return instant.replace("T00:00:00+00:00", "").replace("+00:00", "Z")


def _segments(known: Sequence[Span]) -> str:
    """How many segments serve a chunk: ``1 segment``, ``1 to 4 segments``."""
    counts = [len(visible_segments(span.served)) for span in known]
    low, high = min(counts), max(counts)
    return f"{low} segment{'' if high == 1 else 's'}" if low == high else f"{low} to {high} segments"
