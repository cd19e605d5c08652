"""What a plan shows of each chunk: why, how big, into how many segments, for how long and at what cost.

The page of a dry run and ``druid-reindex plan`` show these very rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from druid_reindex.model.interval import Granularity
from druid_reindex.model.prices import PriceTable
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.plan.estimate import chunk_hours, usd_per_hour
from druid_reindex.plan.night import Batch, Reason

MEANINGS = {
    Reason.FRAGMENTED: "more segments than its rows and bytes need, or segments far below the target size",
    Reason.OVERSIZED: "segments far above the target size",
    Reason.SEVERAL_VERSIONS: "parts of it are served by different versions",
    Reason.MIXED_SCHEMA: "columns differ from the pipeline's, or among segments of different jobs",
    Reason.WRONG_GRANULARITY: "segments do not fill one time chunk of the pipeline's granularity",
    Reason.NOT_BUILT: "the datasource serves nothing there, and what it is built from has data",
    Reason.INPUTS_CHANGED: "the segments or files that it was built from are no longer the same",
    Reason.FORCED: "a person or a backfill asked for it",
    Reason.ROWS_APPENDED: "segments were appended or replaced since the version that a job published whole",
    Reason.DEFINITION_CHANGED: "the pipeline's definition is another one than the version was built by",
}


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """One chunk. ``instance_hours`` and ``cost_usd`` are its share of the work, without the cluster's start and end.

    None is unknown. ``segments_after`` is what the job is told to make; a shard without rows is not written.
    """

    batch: int
    interval: str
    reasons: tuple[str, ...]
    segments_before: int
    segments_after: int
    rows: int | None
    size_bytes: int
    shards: int
    instance_hours: float | None
    cost_usd: float | None


def chunk_rows(
    batches: Sequence[Batch], granularity: Granularity, profile: ClusterProfile, prices: PriceTable | None
) -> tuple[ChunkRow, ...]:
    """The rows of ``batches``, in their order."""
    instances = sum(group.count for group in profile.nodes)
    per_hour = usd_per_hour(profile, prices)
    rows = []
    for batch in batches:
        for chunk in batch.chunks:
            hours = chunk_hours(batch, chunk, profile)
            rows.append(ChunkRow(
                batch=batch.number,
                interval=str(chunk.interval),
                reasons=tuple(reason.value for reason in chunk.reasons),
                segments_before=len(chunk.segments),
                segments_after=chunk.shards * sum(1 for _ in granularity.chunks(chunk.interval)),
                rows=chunk.num_rows,
                size_bytes=chunk.size_bytes,
                shards=chunk.shards,
                instance_hours=None if hours is None else round(hours * instances, 4),
                cost_usd=None if hours is None or per_hour is None else round(hours * per_hour, 4),
            ))  # fmt: skip
    return tuple(rows)
