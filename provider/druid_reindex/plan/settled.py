"""Tells by counts alone which chunks are surely as they should be, so that only the rest is looked at closely.

A chunk is settled here when nothing but one interval, its own, lies there, when the highest version is one job's whole
set of well-sized segments with the pipeline's columns, and when nothing has changed since. Whatever else it may be, a
chunk is a suspect, of which every segment is listed for the planner to judge. What it costs: a second listing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from druid_reindex.model.interval import Interval, umbrella
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.used_set import UsedSet
from druid_reindex.plan.built import Built, partitions_digest
from druid_reindex.plan.changes import History, Served, baseline, changed
from druid_reindex.plan.chunks import has_its_columns, is_well_sized


@dataclass(frozen=True, slots=True)
class Settled:
    """The chunks that need no closer look: how many segments each has, and what is adopted of them.

    ``beyond`` is how many more reach beyond the window, which are left alone.
    """

    segments: tuple[int, ...] = ()
    beyond: int = 0
    adopted: dict[str, Built] = field(default_factory=dict)


NOTHING_SETTLED = Settled()


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is ``settled``, and the spans within the window of which every segment is wanted."""

    settled: Settled
    suspects: tuple[Interval, ...]


def sift(
    pipeline: Pipeline, sets: Iterable[UsedSet], window: Interval, forced: Sequence[Interval], history: History
) -> Sifted:
    """``sets``, all that overlap ``window``, parted into what is settled and what is not."""
    counts: list[int] = []
    beyond = 0
    adopted: dict[str, Built] = {}
    suspects: list[Interval] = []
    for island in _islands(sets):
        whole = umbrella(used.interval for used in island)
        served = _served(pipeline, island, history) if not any(whole.overlaps(each) for each in forced) else None
        if served is None:
            suspects.append(Interval(max(whole.start, window.start), min(whole.end, window.end)))
        elif not window.contains(whole):
            beyond += 1
        else:
            counts.append(max(island, key=lambda used: used.version).segments)
            adopted |= baseline(history, served)
    return Sifted(Settled(tuple(counts), beyond, adopted), tuple(suspects))


def _islands(sets: Iterable[UsedSet]) -> Iterator[list[UsedSet]]:
    """``sets`` in groups between which nothing overlaps, in order."""
    island: list[UsedSet] = []
    end = None
    for used in sorted(sets, key=lambda each: (each.interval, each.version)):
        if end is not None and used.interval.start >= end:
            yield island
            island, end = [], None
        island.append(used)
        end = used.interval.end if end is None else max(end, used.interval.end)
    if island:
        yield island


def _served(pipeline: Pipeline, island: Sequence[UsedSet], history: History) -> Served | None:
    """What serves the one chunk that ``island`` is; None when it is something else, or not as it should be."""
    newest = max(island, key=lambda used: used.version)
    chunk = pipeline.granularity.segment.chunk(newest.interval.start)
    if any(used.interval != chunk for used in island) or not _is_well_made(pipeline, newest):
        return None
    serves = partitions_digest({f"{newest.interval} {newest.version}": newest.partitions})
    served = Served(chunk, newest.version, serves)
    return None if any(True for _ in changed(history, served)) else served


def _is_well_made(pipeline: Pipeline, used: UsedSet) -> bool:
    return (
        used.is_one_job
        and is_well_sized(pipeline, used.segments, used.size_bytes, used.num_rows)
        and all(has_its_columns(pipeline, *columns) for columns in used.columns)
    )
