"""What a night will do, as frozen values: the plan that is stored, digested and then carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.built import Built


class Reason(StrEnum):
    """Why a time chunk is rebuilt."""

    FRAGMENTED = "fragmented"
    OVERSIZED = "oversized"
    SEVERAL_VERSIONS = "several versions"
    MIXED_SCHEMA = "mixed schema"
    WRONG_GRANULARITY = "wrong granularity"
    NOT_BUILT = "not built yet"
    INPUTS_CHANGED = "inputs changed"
    FORCED = "forced"
    ROWS_APPENDED = "rows appended"
    DEFINITION_CHANGED = "definition changed"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One time chunk (or several that a longer segment holds together) that will be rebuilt, and why.

    ``segments`` are all that are visible in it, tombstones included (with 0 rows); ``sources`` those of another
    datasource that it is built from, None where it is built from its own; ``files`` the digest of the files that it
    may be built from besides, as they were listed, empty where there are none.
    """

    interval: Interval
    segments: tuple[Segment, ...]
    reasons: tuple[Reason, ...]
    shards: int
    sources: tuple[Segment, ...] | None = None
    files: str = ""

    @property
    def read(self) -> tuple[Segment, ...]:
        """The segments that the chunk is built from."""
        return self.segments if self.sources is None else self.sources

    @property
    def size_bytes(self) -> int:
        """The bytes of the segments that the chunk is built from."""
        return sum(segment.size_bytes for segment in self.read)

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
    """What one night does: its batches, and why there are none when there are none.

    ``definition`` is the digest of the pipeline's definition; ``stale`` are chunks beyond the window that were built by
    another one. ``adopted`` is what the night takes as the baseline: it goes into the ledger, not into the plan.
    """

    datasource: str
    considered_chunks: int
    batches: tuple[Batch, ...]
    explanation: str
    definition: str = ""
    stale: tuple[Interval, ...] = ()
    adopted: Mapping[str, Built] = field(default_factory=dict, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.batches

    @property
    def explained(self) -> str:
        """The explanation, with what is stale beyond the window."""
        if not self.stale:
            return self.explanation
        one = len(self.stale) == 1
        said = "1 older time chunk was" if one else f"{len(self.stale)} older time chunks were"
        return f"{self.explanation}; {said} built by another definition: a backfill rebuilds {'it' if one else 'them'}"

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The chunks of all batches."""
        return tuple(chunk for batch in self.batches for chunk in batch.chunks)


def counted_reasons(chunks: Iterable[Chunk]) -> dict[str, int]:
    """How many of ``chunks`` are rebuilt for each reason, by the reason's name; a chunk may have several."""
    counts = Counter(reason.value for chunk in chunks for reason in chunk.reasons)
    return dict(sorted(counts.items()))
