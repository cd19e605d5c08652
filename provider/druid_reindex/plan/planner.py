"""Which time chunks a night rebuilds, why, into how many segments, and in which batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from druid_reindex.model.interval import Interval, umbrella
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan.changes import History, Served, baseline, changed, stale
from druid_reindex.plan.chunks import Span, reasons, shards_for, spans
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason, counted_reasons
from druid_reindex.plan.partitions import TOMBSTONE, counted
from druid_reindex.plan.reading import read_intervals
from druid_reindex.plan.settled import NOTHING_SETTLED, Settled
from druid_reindex.plan.timeline import serving, visible_segments

NOTHING_KNOWN = History()


def plan_night(
    pipeline: Pipeline,
    segments: Iterable[Segment],
    window: Interval,
    forced: Sequence[Interval] = (),
    history: History = NOTHING_KNOWN,
    settled: Settled = NOTHING_SETTLED,
) -> NightPlan:
    """The plan for the chunks that lie wholly in ``window`` or in the whole time chunks of a ``forced`` interval.

    ``segments`` are all used ones of the datasource that overlap either, overshadowed ones included, but for those of
    the chunks that are ``settled``; what reaches beyond is left alone, because what else serves there is not known.
    """
    used = list(segments)
    granularity = pipeline.granularity.segment
    wanted = [umbrella(granularity.chunks(interval)) for interval in forced]
    found = [span for span in spans(serving(used), granularity) if span.has_data]
    known = [span for span in found if any(area.contains(span.interval) for area in (window, *wanted))]
    judged = [(span, _judge(pipeline, span, wanted, history)) for span in known]
    chunks = [chunk for _, chunk in judged if chunk.reasons]
    batches = cut_batches(sorted(chunks, key=lambda chunk: chunk.interval), pipeline.policy.max_chunks_per_batch)
    return NightPlan(
        datasource=pipeline.datasource,
        considered_chunks=len(known) + len(settled.segments),
        batches=tuple(replace(batch, bystanders=bystanders(batch, used)) for batch in batches),
        explanation=_explain(
            [*settled.segments, *map(_count, known)], settled.beyond + len(found) - len(known), chunks, window
        ),
        definition=history.definition,
        stale=stale(history, window, wanted),
        adopted=settled.adopted
        | {
            name: built
            for span, chunk in judged
            if not chunk.reasons
            for name, built in baseline(history, _served(span, chunk)).items()
        },
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


def _judge(pipeline: Pipeline, span: Span, forced: Sequence[Interval], history: History) -> Chunk:
    data = [segment for segment in visible_segments(span.served) if segment.shard_spec_type != TOMBSTONE]
    segments = tuple(counted(visible_segments(span.served)))
    chunk = Chunk(span.interval, segments, (), shards_for(pipeline, data, span.buckets))
    found = {
        *reasons(pipeline, span, forced=any(span.interval.overlaps(interval) for interval in forced)),
        *changed(history, _served(span, chunk)),
    }
    return replace(chunk, reasons=tuple(reason for reason in Reason if reason in found))


def _served(span: Span, chunk: Chunk) -> Served:
    return Served.of(span.interval, chunk.segments, span.sets)


def bystanders(batch: Batch, used: Iterable[Segment]) -> tuple[Segment, ...]:
    """The segments that are visible when the timeline is made of what overlaps the batch alone, and not its input."""
    intervals = list(read_intervals(batch.chunks))
    inputs = {segment.segment_id for chunk in batch.chunks for segment in chunk.read}
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


def _explain(counts: Sequence[int], beyond: int, chunks: Sequence[Chunk], window: Interval) -> str:
    """What was found; ``counts`` has the number of segments of each chunk that was considered."""
    said = looked(len(counts), beyond, window)
    if not counts:
        return f"{said}: the datasource serves nothing there; nothing to do"
    if not chunks:
        return f"{said}: each is served by one version in {_segments(counts)}; nothing to do"
    return f"{said}: {to_rebuild(chunks)}"


def looked(considered: int, beyond: int, window: Interval) -> str:
    """How many time chunks were considered, where, and how many were left alone."""
    said = f"{_counted(considered)} considered between {_day(window.start.isoformat())} and "
    said += f"{_day(window.end.isoformat())}"
    aside = f" ({_counted(beyond)} left alone: segments reach beyond the window)" if beyond > 0 else ""
    return f"{said}{aside}"


def to_rebuild(chunks: Sequence[Chunk]) -> str:
    """How many ``chunks`` are rebuilt, and how many for which reason."""
    why = ", ".join(f"{reason} {count}" for reason, count in counted_reasons(chunks).items())
    return f"{len(chunks)} to rebuild ({why})"


def _counted(chunks: int) -> str:
    return f"{chunks} time chunk{'' if chunks == 1 else 's'}"


def _day(instant: str) -> str:
    """``instant`` without a time of day that is midnight."""
    return instant.replace("T00:00:00+00:00", "").replace("+00:00", "Z")


def _count(span: Span) -> int:
    return len(visible_segments(span.served))


def _segments(counts: Sequence[int]) -> str:
    """How many segments serve a chunk: ``1 segment``, ``1 to 4 segments``."""
    low, high = min(counts), max(counts)
    return f"{low} segment{'' if high == 1 else 's'}" if low == high else f"{low} to {high} segments"
