"""Which segments Druid serves: the visible part of a datasource's timeline.

A higher version overshadows a lower one wherever its interval covers it; a partition set that is not complete
overshadows nothing and is not served. Versions are compared as text.
Source: https://druid.apache.org/docs/25.0.0/design/architecture.html#segment-identifiers-and-versioning
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment


@dataclass(frozen=True, slots=True)
class PartitionSet:
    """The segments of one interval and one version, by partition number."""

    interval: Interval
    version: str
    segments: tuple[Segment, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the core partitions are all there; appended segments (``partitions`` 0) need no others."""
        cores = max(int((segment.payload.get("shardSpec") or {}).get("partitions") or 0) for segment in self.segments)
        present = {segment.partition_num for segment in self.segments}
        return set(range(cores)) <= present


def partition_sets(segments: Iterable[Segment]) -> list[PartitionSet]:
    """The partition sets of ``segments``, by interval and version; a segment that is listed twice counts once."""
    grouped: dict[tuple[Interval, str], dict[int, Segment]] = defaultdict(dict)
    for segment in segments:
        grouped[segment.interval, segment.version][segment.partition_num] = segment
    return [
        PartitionSet(interval, version, tuple(parts[number] for number in sorted(parts)))
        for (interval, version), parts in sorted(grouped.items(), key=lambda item: item[0])
    ]


def visible(segments: Iterable[Segment]) -> list[PartitionSet]:
    """The complete partition sets that answer queries for some part of their interval, in order of time."""
    complete = [entry for entry in partition_sets(segments) if entry.is_complete]
    shown: list[PartitionSet] = []
    for island in _islands(complete):
        shown += island if len(island) == 1 else _visible_of(island)
    return shown


def _islands(entries: list[PartitionSet]) -> list[list[PartitionSet]]:
    """``entries`` (sorted by start) in groups between which nothing overlaps."""
    islands: list[list[PartitionSet]] = []
    end = None
    for entry in entries:
        if end is None or entry.interval.start >= end:
            islands.append([entry])
            end = entry.interval.end
        else:
            islands[-1].append(entry)
            end = max(end, entry.interval.end)
    return islands


def _visible_of(island: list[PartitionSet]) -> list[PartitionSet]:
    edges = sorted({edge for entry in island for edge in (entry.interval.start, entry.interval.end)})
    winners: set[tuple[Interval, str]] = set()
    for start, end in pairwise(edges):
        slice_ = Interval(start, end)
        covering = [entry for entry in island if entry.interval.contains(slice_)]
        if covering:
            best = max(covering, key=lambda entry: entry.version)
            winners.add((best.interval, best.version))
    return [entry for entry in island if (entry.interval, entry.version) in winners]
