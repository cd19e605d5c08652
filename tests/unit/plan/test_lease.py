"""What a run has to do with a lease as it finds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from druid_reindex.model.identity import RunId
from druid_reindex.model.lease import SLACK, Lease
from druid_reindex.plan import lease as rules
from druid_reindex.plan.lease import RENEW_AFTER, TTL, Busy, Claim, Fenced, Keep, Renew, Take

NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
DEPLOYMENT = UUID(int=1)
SECOND = timedelta(seconds=1)


def claim(run_id: str = "manual__1", fence: int | None = None) -> Claim:
    return Claim("vitals", RunId.of(DEPLOYMENT, dag_id="nightly", run_id=run_id), DEPLOYMENT, fence)


def taken(by: Claim, current: Lease | None = None, now: datetime = NOW) -> Lease:
    decision = rules.decide(current, by, now)
    assert isinstance(decision, Take)
    return decision.lease


A, B, C = claim("a"), claim("b"), claim("c")
HELD = taken(A)
BROKEN = rules.broken(HELD, by="anna", reason="it is dead", now=NOW)


def given_back(lease: Lease, by: Claim, now: datetime = NOW) -> Lease:
    back = rules.give_back(lease, by, now)
    assert back is not None
    return back


def test_the_first_owner_takes_fence_1_for_half_an_hour() -> None:
    assert (HELD.owner, HELD.fence, HELD.since, HELD.until) == (str(A.owner), 1, NOW, NOW + timedelta(minutes=30))
    assert (HELD.datasource, HELD.dag_id, HELD.run_id, HELD.displaced) == ("vitals", "nightly", "a", ())
    assert HELD.deployment_id == str(DEPLOYMENT)


def test_the_owner_renews_once_a_third_is_gone() -> None:
    assert rules.decide(HELD, A, NOW + RENEW_AFTER - SECOND) == Keep(HELD)
    later = NOW + RENEW_AFTER
    assert rules.decide(HELD, A, later) == Renew(replace(HELD, until=later + TTL))
    assert rules.go_on(HELD, A, later) == rules.decide(HELD, A, later)


def test_an_owner_that_nobody_displaced_goes_on_after_the_end() -> None:
    later = HELD.free_at + timedelta(days=1)
    assert rules.go_on(HELD, A, later) == Renew(replace(HELD, until=later + TTL))
    assert rules.decide(HELD, replace(A, fence=1), later) == Renew(replace(HELD, until=later + TTL))


def test_another_run_waits_for_the_end_and_the_slack() -> None:
    assert rules.decide(HELD, B, HELD.until + SLACK - SECOND) == Busy(HELD)
    next_one = taken(B, HELD, HELD.until + SLACK)
    assert (next_one.owner, next_one.fence, next_one.displaced) == (str(B.owner), 2, (HELD,))


def test_a_lease_that_was_given_back_is_free_at_once_and_displaces_nobody() -> None:
    next_one = taken(B, given_back(HELD, A), NOW)
    assert (next_one.fence, next_one.displaced, next_one.released_at) == (2, (), None)


def test_a_broken_lease_is_free_after_the_slack_and_displaces_its_owner() -> None:
    assert rules.decide(BROKEN, B, NOW + SLACK - SECOND) == Busy(BROKEN)
    next_one = taken(B, BROKEN, NOW + SLACK)
    assert (next_one.displaced, next_one.broken) == ((BROKEN,), None)


@pytest.mark.parametrize("current", [None, BROKEN, given_back(HELD, A), taken(B, HELD, HELD.free_at)])
def test_a_run_without_the_lease_stops(current: Lease | None) -> None:
    assert rules.go_on(current, A, NOW) == Fenced(current)
    assert rules.settle(current, A, NOW) == Fenced(current)


def test_a_cleared_run_takes_its_lease_again() -> None:
    again = taken(replace(A, fence=1), given_back(HELD, A))
    assert (again.fence, again.displaced) == (2, ())


def test_a_run_planned_before_another_had_the_lease_is_fenced_out_for_good() -> None:
    others = taken(B, HELD, HELD.free_at)
    for lease in (others, given_back(others, B), rules.broken(others, by="x", reason="y", now=NOW)):
        assert rules.decide(lease, replace(A, fence=1), NOW + timedelta(days=1)) == Fenced(lease)
    planned_anew = taken(A, given_back(others, B))
    assert planned_anew.fence == 3
    assert rules.decide(planned_anew, replace(A, fence=3), NOW) == Keep(planned_anew)


def test_a_run_whose_lease_a_person_broke_stops_until_it_is_planned_anew() -> None:
    assert rules.decide(BROKEN, replace(A, fence=1), BROKEN.free_at) == Fenced(BROKEN)
    again = taken(A, BROKEN, BROKEN.free_at)
    assert (again.fence, again.displaced) == (2, ())


def test_earlier_owners_are_passed_on_until_they_are_settled() -> None:
    second = taken(B, HELD, HELD.free_at)
    third = taken(C, second, second.free_at)
    assert [lease.run_id for lease in third.displaced] == ["a", "b"]
    assert all(not lease.displaced for lease in third.displaced)
    after = taken(B, given_back(third, C), third.until)
    assert [lease.run_id for lease in after.displaced] == ["a"]
    assert rules.settle(after, B, after.since) == Renew(replace(after, displaced=()))
    assert rules.settle(replace(after, displaced=()), B, after.since) == Keep(replace(after, displaced=()))


def test_one_owner_that_was_displaced_twice_is_passed_on_once() -> None:
    second = taken(B, HELD, HELD.free_at)
    third = taken(A, second, second.free_at)
    fourth = taken(C, third, third.free_at)
    assert [(lease.run_id, lease.fence) for lease in fourth.displaced] == [("b", 2), ("a", 3)]


def test_only_the_owner_gives_back_and_only_once() -> None:
    back = given_back(HELD, A)
    assert back.released_at == NOW
    assert [rules.give_back(lease, A, NOW) for lease in (None, back)] == [None, None]
    assert rules.give_back(HELD, B, NOW) is None
    assert given_back(BROKEN, A).is_given_back


def test_the_fence_does_not_fall_where_the_record_was_deleted() -> None:
    assert taken(replace(A, fence=7)).fence == 8
