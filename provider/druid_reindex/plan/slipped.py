"""What another writer published into a batch's chunks while a step, which takes no lock, rebuilt them.

Rows that were appended to a version which the job read, after it had listed its segments, are in no segment of the new
one; and what a later version of somebody else's covers is not what the job made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from druid_reindex.errors import IntegrityError
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Batch, Chunk
from druid_reindex.plan.partitions import OVERWRITE

_NAMED = 5


def refuse_slipped(
    batch: Batch, used: Iterable[Segment], *, used_before: Collection[str], ours: Collection[str]
) -> None:
    """Raise IntegrityError where somebody else published into ``batch`` since its planning, as ``slipped_in`` says."""
    found = slipped_in(batch, used, used_before=used_before, ours=ours)
    if found:
        raise IntegrityError(
            "rebuild segments as an EMR step, which takes no lock",
            resource=f"{found[0].datasource} batch {batch.number}",
            came_back=f"another writer published {len(found)} segments meanwhile: "
            f"{', '.join(segment.segment_id for segment in found[:_NAMED])}",
            remedy="see in Druid's console who it was and turn it off at this hour; then clear the whole run",
        )


def slipped_in(
    batch: Batch, used: Iterable[Segment], *, used_before: Collection[str], ours: Collection[str]
) -> list[Segment]:
    """Of the ``used`` segments, overshadowed ones included, those that nobody had planned with and no job of ours made.

    ``used_before`` are the ids of those that were used before the batch's first try, ``ours`` the versions of the run's
    own jobs. What was used then and is of no version that was read says nothing: it serves nothing, as it did then.
    """
    listed = [segment for segment in used if segment.version not in ours]
    found = {each.segment_id: each for chunk in batch.chunks for each in _within(chunk, listed, used_before)}
    return sorted(found.values(), key=lambda segment: segment.segment_id)


def _within(chunk: Chunk, used: Iterable[Segment], used_before: Collection[str]) -> Iterator[Segment]:
    known = {segment.segment_id for segment in chunk.segments}
    replaced = {(s.interval, s.version) for s in chunk.segments if s.shard_spec_type == OVERWRITE}
    sets = {(s.interval, s.version) for s in chunk.segments} - replaced  # what was replaced may still be used
    for segment in used:
        if segment.interval.overlaps(chunk.interval) and segment.segment_id not in known:
            was_read = (segment.interval, segment.version) in sets
            if was_read or segment.segment_id not in used_before:
                yield segment
