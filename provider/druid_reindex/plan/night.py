"""What a night will do, as frozen values: the plan that is stored, digested and then carried out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment


class Reason(StrEnum):
    """Why a time chunk is rebuilt."""

    FRAGMENTED = "fragmented"
    OVERSIZED = "oversized"
    SEVERAL_VERSIONS = "several versions"
    MIXED_SCHEMA = "mixed schema"
    WRONG_GRANULARITY = "wrong granularity"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One time chunk (or several that a longer segment holds together) that will be rebuilt, and why.

    ``segments`` are all that are visible in it, tombstones included (with 0 rows).
    """

    interval: Interval
    segments: tuple[Segment, ...]
    reasons: tuple[Reason, ...]
    shards: int

    @property
    def size_bytes(self) -> int:
        """The bytes of the chunk's visible segments."""
        return sum(segment.size_bytes for segment in self.segments)

    @property
    def num_rows(self) -> int | None:
        """The rows of the chunk's visible segments; None when any segment's count is unknown."""
        counts = [segment.num_rows for segment in self.segments]
        return None if None in counts else sum(count for count in counts if count is not None)


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks that one job rebuilds together, in order of time, all with the same number of shards for each time chunk.

    ``bystanders`` are used segments that serve nothing here, but would if there were only the batch's intervals: the
    Overlord looks at no more than those, and wants them listed.
    """

    number: int
    chunks: tuple[Chunk, ...]
    shards: int
    bystanders: tuple[Segment, ...] = ()

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The chunks' intervals, in order."""
        return tuple(chunk.interval for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class NightPlan:
    """What one night does: its batches, and why there are none when there are none."""

    datasource: str
    considered_chunks: int
    batches: tuple[Batch, ...]
    explanation: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.batches
