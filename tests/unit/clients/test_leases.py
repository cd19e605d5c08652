"""A lease in a store: one holder at a time, also when two are quick, when an answer is lost, and after a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.errors import ConflictError, FencedOutError, NoAnswerError, NotAuthorizedError
from druid_reindex.model import lease as stored
from druid_reindex.model.identity import RunId
from druid_reindex.model.lease import SLACK
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.lease import RENEW_AFTER, TTL, Claim
from timelines import boundaries
from twins import FakeStore

PHI = boundaries().phi
START = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
WHERE = names.lease_uri(PHI, "patient_vitals")


@dataclass
class Clock:
    """A time that stands still until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Rival(FakeStore):
    """A store in which, before a write arrives, somebody else writes ``first``, each once."""

    first: list[bytes] = field(default_factory=list)

    def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
        if self.first:
            self.put(uri, self.first.pop(0), kms_key_arn=kms_key_arn)
        return super().put_if(uri, body, kms_key_arn=kms_key_arn, etag=etag)


def claim(run_id: str, fence: int | None = None, deployment: int = 1) -> Claim:
    owner = RunId.of(UUID(int=deployment), dag_id="nightly", run_id=run_id)
    return Claim("patient_vitals", owner, UUID(int=deployment), fence)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def keeper(store: FakeStore, clock: Clock, run_id: str = "a", fence: int | None = None) -> LeaseKeeper:
    return LeaseKeeper(store, PHI, claim(run_id, fence), clock)


def test_the_first_run_takes_it_and_it_lies_under_the_boundarys_key(store: FakeStore, clock: Clock) -> None:
    held = keeper(store, clock).hold()
    assert (held.fence, held.since, held.until) == (1, START, START + TTL)
    body, key = store.objects[WHERE]
    assert (stored.from_json(body), key) == (held, PHI.kms_key_arn)


def test_holding_again_writes_nothing_while_it_is_fresh_and_renews_it_later(store: FakeStore, clock: Clock) -> None:
    keeper(store, clock).hold()
    before = store.objects[WHERE]
    keeper(store, clock).hold()
    assert store.objects[WHERE] is before
    clock.now += RENEW_AFTER
    assert keeper(store, clock).require().until == clock.now + TTL


def test_another_run_is_told_who_holds_it_since_and_until(store: FakeStore, clock: Clock) -> None:
    keeper(store, clock).hold()
    with pytest.raises(ConflictError, match=r"DAG nightly, run a .*since 2026-10-06T02:30:00Z, until .*lease break"):
        keeper(store, clock, "b").hold()


def test_what_is_given_back_is_taken_at_once_under_a_higher_fence(store: FakeStore, clock: Clock) -> None:
    first = keeper(store, clock)
    first.hold()
    assert first.release() is None
    assert first.release() is None
    taken = keeper(store, clock, "b").hold()
    assert (taken.fence, taken.displaced) == (2, ())


def test_a_silent_owner_is_displaced_after_its_end_and_is_fenced_out(store: FakeStore, clock: Clock) -> None:
    silent = keeper(store, clock)
    silent.hold()
    clock.now += TTL + SLACK - timedelta(seconds=1)
    with pytest.raises(ConflictError):
        keeper(store, clock, "b").hold()
    clock.now += timedelta(seconds=1)
    taken = keeper(store, clock, "b").hold()
    assert [each.run_id for each in taken.displaced] == ["a"]
    with pytest.raises(FencedOutError, match=r"run b .* took it at 2026-10-06T03:03:00Z \(fence 2\)"):
        silent.require()
    assert silent.release() is None
    assert keeper(store, clock, "b").require().fence == 2


def test_the_displaced_are_remembered_until_settled(store: FakeStore, clock: Clock) -> None:
    keeper(store, clock).hold()
    clock.now += TTL + SLACK
    successor = keeper(store, clock, "b")
    successor.hold()
    assert len(keeper(store, clock, "b").hold().displaced) == 1
    assert successor.settled().displaced == ()
    assert keeper(store, clock, "b").hold().displaced == ()


def test_two_that_take_it_at_once_are_one_holder_and_one_who_is_told(clock: Clock) -> None:
    other = keeper(FakeStore(), clock, "b").hold()
    store = Rival(first=[stored.to_json(other)])
    with pytest.raises(ConflictError, match="run b"):
        keeper(store, clock).hold()
    assert stored.from_json(store.get(WHERE)) == other


def test_a_person_breaks_it_and_the_owner_stops_at_its_next_write(store: FakeStore, clock: Clock) -> None:
    owner = keeper(store, clock)
    held = owner.hold()
    shelf = LeaseShelf(store, PHI, "patient_vitals")
    shelf.break_it(held, by="anna", reason="its worker is gone", now=clock.now)
    with pytest.raises(FencedOutError, match=r"anna broke it at .*: its worker is gone"):
        owner.require()
    with pytest.raises(ConflictError, match="anna broke it"):
        keeper(store, clock, "b").hold()
    clock.now += SLACK
    assert [each.run_id for each in keeper(store, clock, "b").hold().displaced] == ["a"]


def test_what_changed_hands_meanwhile_is_not_broken(store: FakeStore, clock: Clock) -> None:
    seen = keeper(store, clock).hold()
    keeper(store, clock).release()
    keeper(store, clock, "b").hold()
    with pytest.raises(ConflictError, match="no longer that of DAG nightly, run a"):
        LeaseShelf(store, PHI, "patient_vitals").break_it(seen, by="anna", reason="old news", now=clock.now)


def test_a_run_planned_before_somebody_elses_turn_must_plan_anew(store: FakeStore, clock: Clock) -> None:
    fence = keeper(store, clock).hold().fence
    keeper(store, clock).release()
    assert keeper(store, clock, fence=fence).hold().fence == 2
    keeper(store, clock).release()
    keeper(store, clock, "b").hold()
    keeper(store, clock, "b").release()
    with pytest.raises(FencedOutError, match="clear it from its task plan on"):
        keeper(store, clock, fence=fence).hold()
    assert keeper(store, clock).hold().fence == 4


def test_a_deleted_lease_fences_out(store: FakeStore, clock: Clock) -> None:
    keeper(store, clock).hold()
    store.delete(WHERE)
    with pytest.raises(FencedOutError, match="somebody has deleted it"):
        keeper(store, clock).require()


def test_others_that_are_always_quicker_end_in_an_error(clock: Clock) -> None:
    def body(minute: int) -> bytes:
        return stored.to_json(keeper(FakeStore(), Clock(START - TTL * 3 + timedelta(minutes=minute)), "b").hold())

    store = Rival(first=[body(minute) for minute in range(20)])
    with pytest.raises(ConflictError):
        keeper(store, clock).hold()


def test_a_release_that_fails_is_told_not_raised(clock: Clock) -> None:
    @dataclass
    class Closed(FakeStore):
        def get_with_etag(self, uri: S3Uri) -> tuple[bytes, str] | None:
            raise NotAuthorizedError("read an object", resource=str(uri), came_back="403", remedy="ask")

    error = keeper(Closed(), clock).release()
    assert isinstance(error, NotAuthorizedError)


def test_a_lost_answer_to_taking_it_counts_as_taken(clock: Clock) -> None:
    @dataclass
    class Lossy(FakeStore):
        lost: int = 1

        def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
            written = super().put_if(uri, body, kms_key_arn=kms_key_arn, etag=etag)
            if self.lost:
                self.lost -= 1
                raise NoAnswerError("write an object", resource=str(uri), came_back="reset", remedy="try again")
            return written

    store = Lossy()
    with pytest.raises(NoAnswerError):
        keeper(store, clock).hold()
    assert keeper(store, clock).hold().fence == 1
