"""Tests of what is marked so that a batch's chunks serve what they did before."""

from __future__ import annotations

import pytest

from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Batch, Chunk, Reason
from druid_reindex.plan.rollback import Published, Rollback, additions, appended, decide, is_kept, unfinished
from timelines import one_job, segment, span

OLD, NEW, LATER = "2026-09-02T00:00:00.000Z", "2026-10-06T02:30:00.000Z", "2026-10-06T09:00:00.000Z"
FIRST, SECOND = span("09-01/09-02"), span("09-02/09-03")
OLD_FIRST, OLD_SECOND = [segment(FIRST, OLD, n) for n in range(3)], [segment(SECOND, OLD, n) for n in range(2)]
NEW_FIRST, NEW_SECOND = one_job(FIRST, 2, version=NEW), one_job(SECOND, 1, version=NEW)
BATCH = Batch(0, tuple(Chunk(interval, tuple(old), (Reason.FRAGMENTED,), 1) for interval, old in (
    (FIRST, OLD_FIRST), (SECOND, OLD_SECOND))), 1)  # fmt: skip
BOTH = (str(FIRST), str(SECOND))


def ids(segments: list[Segment]) -> tuple[str, ...]:
    return tuple(each.segment_id for each in segments)


RECORDED = Published(ids=frozenset(ids([*NEW_FIRST, *NEW_SECOND])))
BY_VERSION = Published(versions=(("2026-10-06T02:00:00.000Z", "2026-10-06T03:00:00.000Z"),))


@pytest.mark.parametrize("published", [RECORDED, BY_VERSION], ids=["recorded", "by version"])
def test_what_was_published_goes_and_what_was_there_comes_back(published: Published) -> None:
    found = decide(BATCH, published, [*NEW_FIRST, *NEW_SECOND])
    assert found == Rollback(BOTH, ids([*NEW_FIRST, *NEW_SECOND]), ids([*OLD_FIRST, *OLD_SECOND]))


def test_old_segments_that_are_used_still_are_not_marked() -> None:
    found = decide(BATCH, RECORDED, [*NEW_FIRST, *NEW_SECOND, *OLD_FIRST])
    assert found.used == ids(OLD_SECOND)


def test_a_job_that_died_half_way_is_taken_back_where_it_published() -> None:
    found = decide(BATCH, BY_VERSION, [*NEW_FIRST, *OLD_FIRST, *OLD_SECOND])
    assert found == Rollback(BOTH[:1], ids(NEW_FIRST))


def test_what_an_earlier_try_left_below_the_newest_goes_too() -> None:
    earlier = one_job(FIRST, 1, version="2026-10-06T02:10:00.000Z")
    found = decide(BATCH, BY_VERSION, [*earlier, *NEW_FIRST, *OLD_SECOND])
    assert {*found.unused} == {*ids(earlier), *ids(NEW_FIRST)}


@pytest.mark.parametrize("published", [Published(), RECORDED, BY_VERSION], ids=["nothing", "recorded", "by version"])
def test_a_batch_that_left_nothing_is_left_alone(published: Published) -> None:
    assert decide(BATCH, published, [*OLD_FIRST, *OLD_SECOND]) == Rollback()


def test_what_is_gone_without_the_batchs_doing_stays_gone() -> None:
    assert decide(BATCH, Published(), OLD_FIRST) == Rollback()


def test_killed_between_the_two_marks_the_rest_is_left_to_do() -> None:
    found = decide(BATCH, RECORDED, OLD_FIRST)
    assert found == Rollback(BOTH[1:], (), ids(OLD_SECOND))
    assert decide(BATCH, RECORDED, []) == Rollback(BOTH, (), ids([*OLD_FIRST, *OLD_SECOND]))


def test_a_later_version_of_somebody_else_is_named_and_its_chunk_left_as_it_is() -> None:
    theirs = one_job(FIRST, 1, version=LATER)
    found = decide(BATCH, BY_VERSION, [*theirs, *NEW_FIRST, *NEW_SECOND])
    assert found.chunks == BOTH[1:]
    assert found.refused == (f"{FIRST} serves {theirs[0].segment_id}",)
    assert not {*ids(theirs), *ids(NEW_FIRST)} & {*found.unused}


def test_rows_that_were_added_to_the_new_version_are_not_hidden() -> None:
    added = segment(FIRST, NEW, 7, shard={"type": "numbered", "partitionNum": 7, "partitions": 2})
    found = decide(BATCH, RECORDED, [*NEW_FIRST, added, *NEW_SECOND])
    assert found.chunks == BOTH[1:]
    assert added.segment_id in found.refused[0]


def test_somebody_elses_version_below_ours_would_be_served_and_is_named() -> None:
    theirs = one_job(FIRST, 1, version="2026-10-01T00:00:00.000Z")
    found = decide(BATCH, RECORDED, [*theirs, *NEW_FIRST, *OLD_SECOND])
    assert theirs[0].segment_id in found.refused[0]
    assert found.unused == ()


def test_many_strangers_are_counted_beyond_three() -> None:
    theirs = one_job(FIRST, 5, version=LATER)
    assert decide(BATCH, RECORDED, [*theirs, *OLD_SECOND]).refused[0].endswith(" and 2 more")


def test_rows_that_were_added_to_the_old_version_are_served_again() -> None:
    added = segment(FIRST, OLD, 9)
    known = Published(ids=RECORDED.ids, appended={str(FIRST): [added.segment_id]})
    hidden = [*NEW_FIRST, *OLD_SECOND]
    assert added.segment_id in decide(BATCH, known, hidden).used
    assert decide(BATCH, known, [*hidden, added]).used == ids(OLD_FIRST)
    assert decide(BATCH, known, [*OLD_FIRST, added, *OLD_SECOND]) == Rollback()
    assert additions(BATCH, [*OLD_FIRST, added]) == {str(FIRST): [added]}
    assert appended(BATCH, [*NEW_FIRST, *OLD_FIRST, added]) == {str(FIRST): [added.segment_id]}


def test_a_datasource_of_which_every_chunk_is_new_serves_nothing_again() -> None:
    empty = Batch(0, tuple(Chunk(interval, (), (Reason.NOT_BUILT,), 1, ()) for interval in (FIRST, SECOND)), 1)
    found = decide(empty, RECORDED, [*NEW_FIRST, *NEW_SECOND])
    assert found == Rollback(BOTH, ids([*NEW_FIRST, *NEW_SECOND]))
    assert decide(empty, RECORDED, []) == Rollback()
    assert unfinished(empty, BOTH, NEW_FIRST) == [str(FIRST)]
    assert unfinished(empty, BOTH, []) == []


def test_a_chunk_is_as_before_when_all_of_it_is_visible_again_and_nothing_else() -> None:
    assert unfinished(BATCH, BOTH, [*OLD_FIRST, *OLD_SECOND, segment(FIRST, OLD, 9)]) == []
    assert unfinished(BATCH, BOTH, [*OLD_FIRST[1:], *OLD_SECOND]) == [str(FIRST)]
    assert unfinished(BATCH, BOTH, [*OLD_FIRST, *NEW_FIRST, *OLD_SECOND]) == [str(FIRST)]
    assert unfinished(BATCH, BOTH[1:], OLD_SECOND) == []


@pytest.mark.parametrize(
    ("verdict", "kept"), [(None, False), ("passed", True), ("failed", False), ("unfinished", False)]
)
def test_only_what_passed_is_kept(verdict: str | None, *, kept: bool) -> None:
    assert is_kept(None if verdict is None else {"verdict": verdict}) is kept
