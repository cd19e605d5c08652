"""A lease is renewed while its owner waits, in one round for all, and losing it ends the wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from async_twins import AsyncFakeDruid, opened
from druid_reindex.clients.leases import LeaseShelf
from druid_reindex.errors import UnavailableError
from druid_reindex.model import lease as stored
from druid_reindex.model.lease import Broken, Lease
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.triggers import renewal
from druid_reindex.operators.triggers.renewal import HeldLease
from druid_reindex.operators.triggers.waits import DruidTaskTrigger, LeaseFreeTrigger
from druid_reindex.plan import names
from druid_reindex.plan.lease import RENEW_AFTER, TTL
from twins import FakeDruid, FakeStore, Outcome

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
SOON = timedelta(milliseconds=20)


def held(datasource: str = "vitals") -> HeldLease:
    return HeldLease("phi", "us-east-1", "s3://bucket/runs", KEY, datasource, str(UUID(int=1)), "nightly", "manual__1")


@dataclass
class Store(FakeStore):
    """A store that says no to ``failures`` reads, and how often a client of it was made."""

    failures: int = 0
    made: int = 0
    reads: list[str] = field(default_factory=list)

    def get_with_etag(self, uri: S3Uri) -> tuple[bytes, str] | None:
        self.reads.append(uri.key)
        if self.failures:
            self.failures -= 1
            raise UnavailableError("read an object", resource=str(uri), came_back="503", remedy="wait")
        return super().get_with_etag(uri)

    def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
        reads = len(self.reads)
        written = super().put_if(uri, body, kms_key_arn=kms_key_arn, etag=etag)
        del self.reads[reads:]
        return written


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()

    def client(_conn_id: str, _region: str) -> Store:
        made.made += 1
        return made

    monkeypatch.setattr(connections, "s3_client", client)
    monkeypatch.setattr(renewal, "RENEW_AFTER", SOON)
    return made


def kept(store: FakeStore, lease: HeldLease, **changes: Any) -> None:
    """The lease in the store, taken long enough ago to be renewed."""
    taken = lease.keeper(store).hold()
    old = replace(taken, until=datetime.now(UTC) + TTL - RENEW_AFTER - timedelta(seconds=1))
    store.put(names.lease_uri(lease, lease.datasource), stored.to_json(replace(old, **changes)), kms_key_arn=KEY)


def now(store: FakeStore, lease: HeldLease) -> Lease:
    return stored.from_json(store.get(names.lease_uri(lease, lease.datasource)))


async def watched(*leases: HeldLease, seconds: float = 0.3) -> list[str | None]:
    async def one(lease: HeldLease) -> str | None:
        try:
            async with asyncio.timeout(seconds):
                return await lease.lost()
        except TimeoutError:
            return None

    return await asyncio.gather(*map(one, leases))


def test_leases_are_renewed_by_one_client_in_one_round_for_all(store: Store) -> None:
    leases = [held(f"d{n}") for n in range(20)]
    for lease in leases:
        kept(store, lease)
    assert asyncio.run(watched(*leases)) == [None] * 20
    assert all(now(store, lease).until > datetime.now(UTC) + TTL - timedelta(minutes=1) for lease in leases)
    assert store.made == 1


def test_a_failed_renewal_is_tried_again(store: Store) -> None:
    kept(store, held())
    store.failures = 2
    assert asyncio.run(watched(held())) == [None]
    assert now(store, held()).until > datetime.now(UTC) + TTL - timedelta(minutes=1)


def test_a_lease_that_was_taken_away_is_told(store: Store) -> None:
    kept(store, held(), broken=Broken("anna", "its worker is gone", datetime.now(UTC)))
    (why,) = asyncio.run(watched(held()))
    assert "anna broke it" in str(why)


def test_losing_the_lease_ends_a_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    druid = FakeDruid(outcomes=[Outcome(polls=10_000)])
    druid.submit_task({"id": "drx_a"})
    monkeypatch.setattr(connections, "async_druid", opened(AsyncFakeDruid(druid)))
    kept(store, held(), owner=str(UUID(int=7)))
    deadline = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
    trigger = DruidTaskTrigger(
        task="drx_a", conn_id="phi", poll_seconds=0.01, deadline=deadline, lease=held().arguments()
    )

    async def event() -> Any:
        return [event.payload async for event in trigger.run()]

    ((payload,),) = [asyncio.run(event())]
    assert payload["item"] == "drx_a"
    assert "took it at" in payload["why"] or "given it back" in payload["why"]


def test_a_free_lease_ends_the_wait_for_it_and_a_held_one_does_not(store: Store) -> None:
    deadline = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()

    def waits() -> str:
        trigger = LeaseFreeTrigger(
            conn_id="phi", region="us-east-1", runs_uri="s3://bucket/runs", datasource="vitals",
            poll_seconds=0.01, deadline=deadline,
        )  # fmt: skip

        async def event() -> Any:
            return [event.payload async for event in trigger.run()]

        return str(asyncio.run(event())[0]["why"])

    kept(store, held())
    assert "deadline" in waits()
    deadline = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
    held().keeper(store).release()
    assert waits() == "the lease of vitals is free"
    store.objects.clear()
    assert waits() == "the lease of vitals is free"


def test_a_renewal_after_the_first_reads_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(store, held())
    monkeypatch.setattr("druid_reindex.plan.lease.RENEW_AFTER", timedelta(0))
    reads = len(store.reads)
    assert asyncio.run(watched(held())) == [None]
    assert len(store.reads) == reads + 1


def test_somebody_elses_write_is_seen_although_the_last_one_is_remembered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(store, held())
    monkeypatch.setattr("druid_reindex.plan.lease.RENEW_AFTER", timedelta(0))

    async def broken_meanwhile() -> list[str | None]:
        watch = asyncio.create_task(watched(held(), seconds=2.0))
        await asyncio.sleep(0.1)
        LeaseShelf(store, held(), "vitals").break_it(
            now(store, held()), by="anna", reason="gone", now=datetime.now(UTC)
        )
        return await watch

    (why,) = asyncio.run(broken_meanwhile())
    assert "anna broke it" in str(why)


def test_a_run_that_lost_its_lease_and_holds_it_again_is_not_told_of_the_loss_twice(store: Store) -> None:
    lost, other = held(), held("labs")
    kept(store, other)
    kept(store, lost, broken=Broken("anna", "its worker is gone", datetime.now(UTC)))

    async def twice() -> list[str | None]:
        rounds = asyncio.create_task(watched(other, seconds=2.0))
        (first,) = await watched(lost)
        store.objects.pop(names.lease_uri(lost, lost.datasource))
        kept(store, lost)
        (second,) = await watched(lost)
        return [first, second, *await rounds]

    first, second, unharmed = asyncio.run(twice())
    assert "anna broke it" in str(first)
    assert (second, unharmed) == (None, None)
