"""What another writer published while a step rebuilt a batch."""

from __future__ import annotations

from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Batch, Chunk, Reason
from druid_reindex.plan.slipped import slipped_in
from timelines import one_job, segment, span

DAY, OURS = "09-01/09-02", "2026-10-06T02:30:00.000Z"
READ = [segment(DAY, "v1"), segment(DAY, "v1", 1)]
MADE = one_job(DAY, 2, version=OURS)
BATCH = Batch(3, (Chunk(span(DAY), tuple(READ), (Reason.FORCED,), 2),), 2)
LATE, LATER, ELSEWHERE = segment(DAY, "v1", 2), segment(DAY, "v2"), segment("09-02/09-03", "v1", 7)
OLDER, HIDDEN = segment(DAY, "v0"), segment(DAY, "v8", shard={"type": "numbered", "partitionNum": 0, "partitions": 2})
TRIED = segment(DAY, "2026-10-06T01:00:00.000Z")


STOOD_THERE = [each.segment_id for each in (*READ, OLDER, HIDDEN)]


def slipped(*used: Segment, ours: tuple[str, ...] = (OURS,), batch: Batch = BATCH) -> list[Segment]:
    return slipped_in(batch, used, used_before=STOOD_THERE, ours=ours)


def test_what_was_read_what_was_made_and_what_stood_there_or_elsewhere_is_known() -> None:
    assert slipped(*READ, *MADE, OLDER, HIDDEN, ELSEWHERE) == []


def test_what_was_appended_to_what_was_read_and_another_version_slipped_in() -> None:
    assert slipped(*READ, *MADE, LATE, LATER) == [LATE, LATER]
    inside = segment("09-01T05/09-01T06", "v9")
    assert slipped(*MADE, inside) == [inside]


def test_what_was_appended_between_plan_and_first_try_slipped_in_too() -> None:
    stood = [*STOOD_THERE, LATE.segment_id]
    assert slipped_in(BATCH, [*READ, LATE, *MADE], used_before=stood, ours=[OURS]) == [LATE]


def test_an_earlier_try_of_the_run_is_its_own() -> None:
    assert slipped(*MADE, TRIED, ours=(OURS, TRIED.version)) == []


def test_in_a_chunk_that_served_nothing_whatever_is_new_and_not_ours_slipped_in() -> None:
    empty = Batch(0, (Chunk(span(DAY), (), (Reason.NOT_BUILT,), 1, ()),), 1)
    assert slipped(*MADE, OLDER, LATE, batch=empty) == [LATE]


def test_what_a_segment_replaced_in_place_may_still_be_used() -> None:
    update = {"type": "numbered_overwrite", "startRootPartitionId": 0, "endRootPartitionId": 2, "minorVersion": 1}
    shard = update | {"partitionId": 32_768, "atomicUpdateGroupSize": 1}
    serves = segment(DAY, "v1", 32_768, shard=shard)
    batch = Batch(0, (Chunk(span(DAY), (serves,), (Reason.FORCED,), 1),), 1)
    assert slipped(*READ, serves, *MADE, batch=batch) == []
