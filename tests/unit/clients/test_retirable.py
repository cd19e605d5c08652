"""Tests of a retirement: night after night, what may go goes, and what a rollback needs stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.replaced import Replaced
from druid_reindex.clients.retirable import Retirement
from druid_reindex.clients.retire import SegmentDisposal
from druid_reindex.clients.stored_versions import Place
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.identity import RunId
from druid_reindex.model.segment import Segment
from retired_nights import DATASOURCE, DAY, PHI, ROOT, V0, V1, V2, V3, WINDOW, Past, ids, version
from timelines import boundaries, segment, tombstone

FIRST = datetime(2026, 9, 20, 3, tzinfo=UTC)
DEPLOYMENT = boundaries().deployment_id


def retirement(past: Past, now: datetime) -> Retirement:
    """That of a run of its own."""
    run_id = RunId.of(DEPLOYMENT, dag_id="retire__phi", run_id=now.isoformat())
    disposal = SegmentDisposal(
        datasource=DATASOURCE,
        deployment_id=DEPLOYMENT,
        run_id=run_id,
        druid=past.druid,
        places=(Place(past.bucket, ROOT),),
        shelf=DisposalShelf(past.store, PHI, DATASOURCE),
        require=lambda: None,
        log=lambda _said: None,
        clock=lambda: now,
    )
    return Retirement(Replaced(past.store, PHI, DATASOURCE), disposal, WINDOW)


def retire(past: Past, now: datetime) -> tuple[Disposal, list[str]]:
    """The record of what went, and what people read of what stays."""
    hand = retirement(past, now)
    found = hand.due()
    record = hand.begin(found)
    while hand.disposal.pending(record):
        pass
    done = hand.finish(record, found)
    return done, hand.left(done, found)


def served(first: list[Segment]) -> Past:
    past = Past()
    past.serve(first)
    return past


def test_a_version_goes_once_the_night_that_replaced_it_cannot_be_taken_back() -> None:
    past = served(version(V0))
    past.night("1", version(V0), version(V1), FIRST)
    assert retirement(past, FIRST + timedelta(days=13)).due().doomed == frozenset()
    done, left = retire(past, FIRST + WINDOW)
    assert (sorted(done.segments), left) == (sorted(ids(version(V0))), [])
    assert past.there([*version(V0), *version(V1)]) == set(ids(version(V1)))
    assert retirement(past, FIRST + 2 * WINDOW).due().replacements == ()


def test_on_druid_25_a_day_that_is_rebuilt_more_often_than_the_window_keeps_all_until_it_rests() -> None:
    past = served(version(V0))
    past.night("1", version(V0), version(V1), FIRST)
    past.night("2", version(V1), version(V2), FIRST + timedelta(days=10))
    _, left = retire(past, FIRST + WINDOW)
    assert len(left) == 1
    assert "Druid would kill" in left[0]
    assert past.there(version(V0)) == set(ids(version(V0)))
    done, left = retire(past, FIRST + timedelta(days=10) + WINDOW)
    assert (len(done.segments), left) == (4, [])
    assert past.there([*version(V0), *version(V1), *version(V2)]) == set(ids(version(V2)))


def test_a_release_that_heeds_versions_need_not_wait() -> None:
    past = served(version(V0))
    past.druid.version = "30.0.0"
    past.night("1", version(V0), version(V1), FIRST)
    past.night("2", version(V1), version(V2), FIRST + timedelta(days=10))
    _, left = retire(past, FIRST + WINDOW)
    assert left == []
    assert past.there([*version(V0), *version(V1)]) == set(ids(version(V1)))


def test_what_a_rollback_left_goes_after_the_window_with_the_rest_of_the_day() -> None:
    past = served(version(V0))
    past.night("1", version(V0), version(V1), FIRST)
    second = past.night("2", version(V1), version(V2), FIRST + timedelta(days=1))
    past.take_back(second, version(V1), version(V2), FIRST + timedelta(days=2))
    done, left = retire(past, FIRST + timedelta(days=2) + WINDOW)
    assert (sorted(done.segments), left) == (sorted(ids([*version(V0), *version(V2)])), [])
    assert past.there(version(V1)) == set(ids(version(V1)))


def test_a_night_that_was_taken_back_by_hand_keeps_what_serves_again() -> None:
    past = served(version(V0))
    first = past.night("1", version(V0), version(V1), FIRST)
    past.take_back(first, version(V0), version(V1), FIRST + timedelta(days=20))
    _, left = retire(past, FIRST + timedelta(days=21))
    assert left == []
    assert past.there(version(V0)) == set(ids(version(V0)))


def test_what_nobody_judged_stays_and_is_told() -> None:
    past = served(version(V0))
    past.night("1", version(V0), version(V1), FIRST, verdict=None)
    done, left = retire(past, FIRST + 3 * WINDOW)
    assert done.segments == ()
    assert len(left) == 1
    assert "neither passed nor taken back" in left[0]


def test_what_druid_keeps_elsewhere_stays_and_is_told() -> None:
    elsewhere = [segment(DAY, V0, 0)]  # its record names another folder than Druid's layout has
    past = served(elsewhere)
    past.night("1", elsewhere, version(V1), FIRST)
    decision, told = retirement(past, FIRST + WINDOW).decided(retirement(past, FIRST + WINDOW).due())
    assert (decision.names, len(told)) == ((), 1)
    done, left = retire(past, FIRST + WINDOW)
    assert (done.segments, left) == ((), told)
    assert "outside the boundary's segments_uri" in told[0]
    assert len(retirement(past, FIRST + 2 * WINDOW).due().replacements) == 1


def test_a_tombstone_needs_no_object() -> None:
    gone = tombstone(DAY, V0)
    past = Past()
    past.night("1", [gone], version(V1), FIRST)
    done, left = retire(past, FIRST + WINDOW)
    assert (done.segments, done.absent, left) == ((), (gone.segment_id,), [])
    assert retirement(past, FIRST + 2 * WINDOW).due().replacements == ()


def test_nights_in_a_row_keep_what_the_window_needs_and_what_serves() -> None:
    past = served(version(V0))
    versions = [V0, V1, V2, V3]
    for number, (old, new) in enumerate(pairwise(versions)):
        past.night(str(number), version(old), version(new), FIRST + number * timedelta(days=30))
        retire(past, FIRST + number * timedelta(days=30) + timedelta(days=20))
    assert past.there([each for name in versions for each in version(name)]) == set(ids(version(V3)))
