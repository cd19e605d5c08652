"""Which time chunks are built anew from another datasource's segments, and why.

The written datasource's timeline decides: a chunk is built when it serves nothing where the other one has data, when
what it was built from has changed, when its own segments are badly made, or when a person forces it. Where it is not
known what a chunk was built from, a source of a later version than its own has changed: both are instants of a lock.
Files have no timeline: those at addresses are known by S3's listing (``files``); what changes in an unload's tables
alone is noticed by a person, who forces the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.interval import Interval, umbrella
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan.built import Built, built_as, inputs_digest
from druid_reindex.plan.changes import History, Served, baseline, stale
from druid_reindex.plan.chunks import Span, merge, reasons, shards_for, spans
from druid_reindex.plan.definition import is_other
from druid_reindex.plan.files import Listings, files_digest
from druid_reindex.plan.night import Chunk, NightPlan, Reason
from druid_reindex.plan.partitions import TOMBSTONE, counted
from druid_reindex.plan.planner import bystanders, cut_batches, looked, to_rebuild
from druid_reindex.plan.timeline import serving, visible_segments


@dataclass(frozen=True, slots=True)
class Timelines:
    """The used segments of the datasource that is ``written`` and of the one that is ``read``.

    ``history`` is what is known of what the written one's chunks were built from, ``files`` what lies at the addresses
    that the pipeline reads besides.
    """

    written: Sequence[Segment]
    read: Sequence[Segment]
    history: History
    files: Listings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pair:
    """One time chunk, or as many as a segment of either side holds together."""

    interval: Interval
    written: tuple[Span, ...]
    read: tuple[Span, ...]

    @property
    def serves(self) -> bool:
        return any(span.has_data for span in self.written)

    @property
    def has_sources(self) -> bool:
        return any(span.has_data for span in self.read)


def plan_derived(
    pipeline: Pipeline, timelines: Timelines, window: Interval, forced: Sequence[Interval] = ()
) -> NightPlan:
    """The plan for the chunks that lie wholly in ``window`` or in the whole time chunks of a ``forced`` interval.

    Raises ConfigurationError where the segments that are read lack the metric that counts them.
    """
    wanted = [umbrella(pipeline.granularity.segment.chunks(interval)) for interval in forced]
    pairs = list(_pairs(pipeline, timelines, wanted))
    known = [pair for pair in pairs if any(area.contains(pair.interval) for area in (window, *wanted))]
    judged = [(pair, _judge(pipeline, pair, timelines, wanted)) for pair in known]
    chunks = [chunk for _, chunk in judged if chunk.reasons]
    _refuse_uncounted(pipeline, chunks)
    said = looked(len(known), len(pairs) - len(known), window)
    idle = f"each was built from what {pipeline.source} serves there; nothing to do"
    batches = cut_batches(sorted(chunks, key=lambda chunk: chunk.interval), pipeline.policy.max_chunks_per_batch)
    return NightPlan(
        datasource=pipeline.datasource,
        considered_chunks=len(known),
        batches=tuple(replace(batch, bystanders=bystanders(batch, timelines.read)) for batch in batches),
        explanation=f"{said}: {to_rebuild(chunks) if chunks else idle}",
        definition=timelines.history.definition,
        stale=stale(timelines.history, window, wanted),
        adopted=_adopted(timelines.history, [chunk for _, chunk in judged if not chunk.reasons]),
    )


def _adopted(history: History, chunks: Iterable[Chunk]) -> dict[str, Built]:
    return {
        name: built
        for chunk in chunks
        for name, built in baseline(
            history, Served.of(chunk.interval, chunk.segments), inputs=inputs_digest(chunk.read), files=chunk.files
        ).items()
    }


def _pairs(pipeline: Pipeline, timelines: Timelines, wanted: Sequence[Interval]) -> Iterator[_Pair]:
    """The chunks for which there is something to read: segments, or files where a person forces them."""
    granularity = pipeline.granularity.segment
    read, written = (spans(serving(each), granularity) for each in (timelines.read, timelines.written))
    asked = [chunk for interval in wanted for chunk in granularity.chunks(interval)] if pipeline.files else []
    for interval in merge([*(span.interval for span in (*read, *written)), *asked]):
        pair = _Pair(
            interval,
            tuple(span for span in written if interval.contains(span.interval)),
            tuple(span for span in read if interval.contains(span.interval)),
        )
        if pair.has_sources or any(interval.overlaps(chunk) for chunk in asked):
            yield pair


def _judge(pipeline: Pipeline, pair: _Pair, timelines: Timelines, wanted: Sequence[Interval]) -> Chunk:
    own, sources = _visible(pair.written), _visible(pair.read)
    files = files_digest(pipeline, timelines.files, pair.interval)
    known = built_as(timelines.history.ledger, str(pair.interval), max((each.version for each in own), default=""))
    found = {reason for span in pair.written if span.has_data for reason in reasons(pipeline, span, forced=False)}
    tests = {
        Reason.NOT_BUILT: not pair.serves,
        Reason.INPUTS_CHANGED: pair.serves and _has_changed(own, sources, files, known),
        Reason.DEFINITION_CHANGED: known is not None and is_other(known.definition, timelines.history.definition),
        Reason.FORCED: any(pair.interval.overlaps(interval) for interval in wanted),
    }
    why = tuple(reason for reason in Reason if reason in found or tests.get(reason, False))
    buckets = sum(1 for _ in pipeline.granularity.segment.chunks(pair.interval))
    shards = shards_for(pipeline, _data(own), buckets) if pair.serves else 1  # roll-up decides: see what comes of it
    return Chunk(pair.interval, own, why, shards, sources, files)


def _has_changed(own: Sequence[Segment], sources: Sequence[Segment], files: str, known: Built | None) -> bool:
    if known is not None and known.inputs:
        return known.inputs != inputs_digest(sources) or known.files not in {"", files}
    version = max(segment.version for segment in own)
    return any(segment.version > version for segment in sources)


def _visible(parts: Iterable[Span]) -> tuple[Segment, ...]:
    """The visible segments, tombstones with 0 rows."""
    return tuple(counted(visible_segments(piece for span in parts for piece in span.served)))


def _data(segments: Iterable[Segment]) -> list[Segment]:
    return [segment for segment in segments if segment.shard_spec_type != TOMBSTONE]


def _refuse_uncounted(pipeline: Pipeline, chunks: Iterable[Chunk]) -> None:
    listed = {segment.metrics for chunk in chunks for segment in chunk.read if segment.metrics}
    if any(pipeline.count_metric not in metrics for metrics in listed):
        raise ConfigurationError(
            "plan what is built from another datasource",
            resource=f"pipeline {pipeline.datasource}, field metrics",
            came_back=f"{pipeline.source} has segments without {pipeline.count_metric!r}, by which rows are counted",
            remedy="give the count the name that it has there: stored counts are added up by their metric's name",
        )
