"""Which segments of one interval and version Druid can serve: its complete partition sets.

Source: https://druid.apache.org/docs/25.0.0/design/segments.html#segments-with-the-same-segment-id
Source: https://github.com/apache/druid/tree/25.0.0/core/src/main/java/org/apache/druid/timeline/partition
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment

OVERWRITE = "numbered_overwrite"
TOMBSTONE = "tombstone"


@dataclass(frozen=True, slots=True)
class PartitionSet:
    """The segments of one interval and one version that serve together; ``core`` of them were published as one."""

    interval: Interval
    version: str
    segments: tuple[Segment, ...]
    core: int

    @property
    def is_one_job(self) -> bool:
        """Whether one job made the set whole and nothing was appended to it or replaced in it."""
        return len(self.segments) == self.core

    @property
    def is_tombstone(self) -> bool:
        """Whether the set only says that there is no data."""
        return all(segment.shard_spec_type == TOMBSTONE for segment in self.segments)


def appended(entry: PartitionSet) -> bool:
    """Whether segments were appended to what a job published whole: partitions beyond the core ones."""
    return entry.core > 0 and any(
        segment.partition_num >= entry.core and segment.shard_spec_type != OVERWRITE for segment in entry.segments
    )


def counted(segments: Iterable[Segment]) -> Iterator[Segment]:
    """``segments``, each tombstone with 0 rows: it stands for none, and no server counts it."""
    for segment in segments:
        yield replace(segment, num_rows=0) if segment.shard_spec_type == TOMBSTONE else segment


def partition_sets(segments: Iterable[Segment]) -> list[PartitionSet]:
    """The complete sets of ``segments`` in order of interval and version; what is listed twice counts once."""
    grouped: dict[tuple[Interval, str], dict[int, Segment]] = defaultdict(dict)
    for segment in segments:
        grouped[segment.interval, segment.version][segment.partition_num] = segment
    sets: list[PartitionSet] = []
    for (interval, version), parts in sorted(grouped.items(), key=lambda item: item[0]):
        serving, core = _serving([parts[number] for number in sorted(parts)])
        if serving:
            sets.append(PartitionSet(interval, version, serving, core))
    return sets


def _serving(parts: Sequence[Segment]) -> tuple[tuple[Segment, ...], int]:
    """The segments that serve and the size of the core set; none when a core partition is missing."""
    groups = _overwriting(parts)
    replaced = {number for start, end in groups for number in range(start, end)}
    roots = [part for part in parts if part.shard_spec_type != OVERWRITE and part.partition_num not in replaced]
    serving = (*roots, *(part for group in groups.values() for part in group))
    first = min((part.partition_num for part in roots), default=None)
    if groups and (first is None or min(groups)[0] < first):
        return serving, 0
    core = max((_core(part) for part in roots), default=0)
    if not set(range(core)) <= {part.partition_num for part in roots} or not _ranges_meet(roots):
        return (), 0
    return serving, core


def _shard_spec(segment: Segment) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = segment.payload.get("shardSpec") or {}
    return spec


def _core(segment: Segment) -> int:
    """The number of core partitions that ``segment``'s shard spec names; 0 where each segment serves by itself."""
    if segment.shard_spec_type in {"none", TOMBSTONE}:
        return 1
    spec = _shard_spec(segment)
    named = spec.get("partitions", spec.get("numCorePartitions"))
    return int(named or 0) if named != -1 else 0


def _ranges_meet(roots: Sequence[Segment]) -> bool:
    """Whether the ranges of old ``single`` shards, which name no core set, cover the dimension without a gap."""
    specs = [_shard_spec(s) for s in roots if s.shard_spec_type == "single" and _core(s) == 0]
    if not specs:
        return True
    ends_are_open = specs[0].get("start") is None and specs[-1].get("end") is None
    return ends_are_open and all(left.get("end") == right.get("start") for left, right in pairwise(specs))


def _overwriting(parts: Sequence[Segment]) -> dict[tuple[int, int], list[Segment]]:
    """The atomic update groups that are whole and not replaced themselves, by the root partitions they replace.

    Source: https://github.com/apache/druid/blob/25.0.0/core/src/main/java/org/apache/druid/timeline/partition/NumberedOverwriteShardSpec.java
    """
    grouped: dict[tuple[int, int, int, int], list[Segment]] = defaultdict(list)
    for part in parts:
        if part.shard_spec_type == OVERWRITE:
            spec = _shard_spec(part)
            names = ("startRootPartitionId", "endRootPartitionId", "minorVersion", "atomicUpdateGroupSize")
            start, end, minor, size = (int(spec[name]) for name in names)
            grouped[start, end, minor, size].append(part)
    whole = {key: group for key, group in grouped.items() if len(group) == key[3]}
    return {
        (start, end): group
        for (start, end, minor, _), group in whole.items()
        if not any(key[2] > minor and key[0] <= start and end <= key[1] for key in whole)
    }
