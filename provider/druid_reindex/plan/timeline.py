"""Which segments Druid serves at which time: the visible part of a datasource's timeline.

A higher version overshadows a lower one where its interval covers it, in part or wholly; a set that is not complete
overshadows nothing. Versions are compared as text.
Source: https://druid.apache.org/docs/25.0.0/design/architecture.html#segment-identifiers-and-versioning
Source: https://github.com/apache/druid/blob/25.0.0/core/src/main/java/org/apache/druid/timeline/VersionedIntervalTimeline.java
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from druid_reindex.errors import IntegrityError
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.partitions import PartitionSet, partition_sets

__all__ = ["PartitionSet", "Piece", "serving", "visible", "visible_segments"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of time and the one partition set that answers for it, whose own interval may be longer."""

    interval: Interval
    source: PartitionSet


def visible(segments: Iterable[Segment]) -> list[PartitionSet]:
    """The sets that answer for some part of their interval, each once, in order of time; tombstones included."""
    return list({(p.source.interval, p.source.version): p.source for p in serving(segments)}.values())


def serving(segments: Iterable[Segment]) -> list[Piece]:
    """What Druid serves of the used ``segments``, in order of time, without overlaps; tombstones included.

    Raises IntegrityError where two overlapping intervals carry one version, which Druid refuses too.
    """
    pieces: list[Piece] = []
    for island in _islands(partition_sets(segments)):
        pieces += [Piece(island[0].interval, island[0])] if len(island) == 1 else _pieces(island)
    return pieces


def visible_segments(pieces: Iterable[Piece]) -> tuple[Segment, ...]:
    """Each segment of ``pieces`` once, in order of its first appearance."""
    return tuple({segment.segment_id: segment for piece in pieces for segment in piece.source.segments}.values())


def _islands(sets: Iterable[PartitionSet]) -> list[list[PartitionSet]]:
    """``sets`` (in order of start) in groups between which nothing overlaps."""
    islands: list[list[PartitionSet]] = []
    end = None
    for entry in sets:
        if end is None or entry.interval.start >= end:
            islands.append([entry])
            end = entry.interval.end
        else:
            islands[-1].append(entry)
            end = max(end, entry.interval.end)
    return islands


def _pieces(island: Sequence[PartitionSet]) -> list[Piece]:
    """A sweep over the edges of ``island`` with the sets that are open at each; the highest version serves."""
    edges = sorted({edge for entry in island for edge in (entry.interval.start, entry.interval.end)})
    opened: list[tuple[str, int]] = []
    following = 0
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        while following < len(island) and island[following].interval.start == start:
            insort(opened, (island[following].version, following))
            following += 1
        while opened and island[opened[-1][1]].interval.end <= start:
            opened.pop()
        if opened:
            _refuse_rivals(island, opened, Interval(start, end))
            _extend(pieces, Interval(start, end), island[opened[-1][1]])
    return pieces


def _extend(pieces: list[Piece], interval: Interval, source: PartitionSet) -> None:
    if pieces and pieces[-1].source is source and pieces[-1].interval.end == interval.start:
        interval = Interval(pieces.pop().interval.start, interval.end)
    pieces.append(Piece(interval, source))


def _refuse_rivals(island: Sequence[PartitionSet], opened: Sequence[tuple[str, int]], at: Interval) -> None:
    """Raise IntegrityError when a second open set has the version of the one that serves."""
    version, winner = opened[-1]
    for rival_version, rival in reversed(opened[:-1]):
        if rival_version != version:
            return
        if island[rival].interval.end > at.start:
            raise IntegrityError(
                "read the timeline",
                resource=f"{island[winner].segments[0].datasource} at {at}",
                came_back=f"{island[winner].interval} and {island[rival].interval} both carry version {version}",
                remedy="mark one of them unused: Druid cannot serve overlapping intervals of one version",
            )
