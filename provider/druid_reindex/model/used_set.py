"""The used segments of one interval and version, counted: what a listing of any length comes down to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment

# Shard specs that name their core set by its size, each partition by a number from 0.
PLAIN = frozenset({"numbered", "hashed"})
Columns = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(slots=True)
class UsedSet:
    """How many segments there are, of which size, and which partitions.

    ``partitions`` has a bit for each partition's number. ``core`` is the size of the core set; None where segments
    disagree about it, or where a shard spec says it in another way. ``num_rows`` is None where a Broker has not counted
    each segment.
    """

    interval: Interval
    version: str
    segments: int = 0
    size_bytes: int = 0
    partitions: int = 0
    core: int | None = -1
    columns: set[Columns] = field(default_factory=set)
    num_rows: int | None = None

    @property
    def is_one_job(self) -> bool:
        """Whether the segments are exactly one whole core set: some job's, complete, nothing appended or replaced."""
        return self.core is not None and self.segments == self.core and self.partitions == (1 << self.core) - 1

    def add(self, shard: str, partition: int, core: int, size_bytes: int) -> None:
        """Count one segment more."""
        self.segments += 1
        self.size_bytes += size_bytes
        self.partitions |= 1 << partition
        if core != self.core or shard not in PLAIN:
            self.core = core if self.core == -1 and shard in PLAIN else None


def count_sets(segments: Iterable[Segment]) -> list[UsedSet]:
    """The sets of ``segments``, in order of their first appearance."""
    found: dict[tuple[Interval, str], UsedSet] = {}
    for segment in segments:
        key = segment.interval, segment.version
        used = found[key] if key in found else found.setdefault(key, UsedSet(*key))
        spec: dict[str, Any] = segment.payload.get("shardSpec") or {}
        used.add(segment.shard_spec_type, segment.partition_num, int(spec.get("partitions") or 0), segment.size_bytes)
        used.columns.add((segment.dimensions, segment.metrics))
    return list(found.values())
