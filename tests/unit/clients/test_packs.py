"""A run's packs in the store: written once, completed after a kill, followed by supplements, never changed unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import packs
from druid_reindex.clients.packs import Kept, PackKeeper
from druid_reindex.errors import ConflictError, IntegrityError, NoAnswerError, NotFoundError, NotProtectedError
from druid_reindex.evidence.parts import Kind, Part
from druid_reindex.evidence.parts_trail import Journal, told_by_trail
from druid_reindex.model.evidence_place import EvidencePlace, LockMode, ObjectLock
from druid_reindex.model.uri import S3Uri
from twins import FakeLockedStore, FakeSigner

KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"
NOW = datetime(2026, 10, 6, 5, 0, tzinfo=UTC)
PLACE = EvidencePlace(uri="s3://drx-evidence-111122223333/phi/", kms_key_arn=KEY, signing_key_arn=FakeSigner().key)
FOLDER = S3Uri("drx-evidence-111122223333", f"phi/packs/patient_vitals/{packs.RUN}")
HELD = ObjectLock(LockMode.GOVERNANCE, NOW + timedelta(days=2192), is_held=True)


def keeper(store: FakeLockedStore, signer: FakeSigner | None = None, place: EvidencePlace = PLACE) -> PackKeeper:
    return PackKeeper(place, store, signer or FakeSigner(), packs.A_RUN)


def kept(store: FakeLockedStore, reason: str = "a late file", **options: Any) -> Kept:
    return keeper(store, **options).keep(lambda: packs.gathered(reason), NOW)


def names(store: FakeLockedStore) -> list[str]:
    return [each.uri.key.rpartition("/")[2] for each in store.listing(FOLDER)]


def test_a_pack_is_written_locked_under_its_key_and_verified() -> None:
    store = FakeLockedStore()
    found = kept(store)
    assert (found.is_new, found.uri, found.pack.title.sequence) == (True, FOLDER / "0000.jsonl", 0)
    assert names(store) == ["0000.dsse.json", "0000.jsonl", "0000.pem"]
    assert set(store.locks.values()) == {HELD}
    assert set(store.locks) == set(store.objects)
    assert {key for _, key in store.objects.values()} == {KEY}


def test_the_keys_history_lies_beside_the_packs() -> None:
    store = FakeLockedStore()
    kept(store)
    kept(store, "another", signer=FakeSigner(2, key="arn:second"))
    history = [json.loads(store.get(each.uri)) for each in store.listing(S3Uri(FOLDER.bucket, "phi/keys"))]
    assert {(each["fingerprint"], each["key"]) for each in history} == {
        (FakeSigner().public_key().fingerprint, FakeSigner().key),
        (FakeSigner(2).public_key().fingerprint, "arn:second"),
    }
    assert {each["first_used_by"] for each in history} == {packs.RUN}


def test_a_second_time_finds_what_is_there() -> None:
    store = FakeLockedStore()
    first = kept(store)
    before = dict(store.objects)
    again = keeper(store).keep(packs.gathered, NOW + timedelta(hours=3))
    assert (again.is_new, again.pack) == (False, first.pack)
    assert store.objects == before


def test_what_is_told_otherwise_later_is_a_supplement() -> None:
    store = FakeLockedStore()
    first, second = kept(store), kept(store, "cleared by hand")
    assert (second.is_new, second.pack.title.sequence) == (True, 1)
    lines = json.loads(store.get(second.uri).splitlines()[0])
    assert lines["body"]["predecessor_sha256"] == first.pack.sha256


@pytest.mark.parametrize("written", [1, 2, 3])
def test_who_was_killed_half_way_ends_with_the_lines_that_lie_there(written: int) -> None:
    store, puts = FakeLockedStore(), 0
    put = store.put_locked

    def killed(uri: S3Uri, body: bytes, **options: Any) -> None:
        nonlocal puts
        if puts == written:
            raise NoAnswerError("write", resource=str(uri), came_back="killed", remedy="none")
        puts += 1
        put(uri, body, **options)

    store.put_locked = killed  # type: ignore[method-assign]
    with pytest.raises(NoAnswerError):
        kept(store)
    store.put_locked = put  # type: ignore[method-assign]
    lines = store.get(FOLDER / "0000.jsonl")
    found = keeper(store).keep(packs.gathered, NOW + timedelta(hours=1))
    assert (found.is_new, found.pack.title.sequence) == (False, 0)
    assert store.get(FOLDER / "0000.jsonl") == lines


def test_another_who_was_quicker_is_a_conflict() -> None:
    store = FakeLockedStore()

    def gather() -> list[Part]:
        store.put(FOLDER / "0000.jsonl", b"{}", kms_key_arn=KEY)
        return packs.gathered()

    with pytest.raises(ConflictError):
        keeper(store).keep(gather, NOW)


def test_a_pack_that_was_changed_there_stops_and_is_named() -> None:
    store = FakeLockedStore()
    kept(store)
    uri = FOLDER / "0000.jsonl"
    store.put(uri, store.get(uri).replace(b"ada", b"bob"), kms_key_arn=KEY)
    with pytest.raises(IntegrityError, match=r"0000.jsonl line 2 \(asked\), field body.by"):
        kept(store)


def test_a_store_that_keeps_no_lock_is_no_place_for_evidence() -> None:
    with pytest.raises(NotProtectedError, match=r"0000.jsonl: no lock, where GOVERNANCE until 2032-10-06"):
        kept(FakeLockedStore(weakens=True))


@pytest.mark.parametrize("weaker", [
    replace(HELD, until=NOW - timedelta(days=1), is_held=False), None,
])  # fmt: skip
def test_a_lock_that_was_lifted_is_named(weaker: ObjectLock | None) -> None:
    store = FakeLockedStore()
    kept(store)
    if weaker is None:
        del store.locks[FOLDER / "0000.dsse.json"]
    else:
        store.locks[FOLDER / "0000.dsse.json"] = weaker
    with pytest.raises(NotProtectedError, match="a lock that still holds was expected"):
        kept(store)


def test_a_weaker_lock_than_was_asked_for_is_refused() -> None:
    class Forgetful(FakeLockedStore):
        def lock_of(self, uri: S3Uri) -> ObjectLock | None:
            found = super().lock_of(uri)
            return found and replace(found, is_held=False)

    with pytest.raises(NotProtectedError, match="not held"):
        kept(Forgetful())


def test_a_key_of_the_same_fingerprint_with_other_bytes_is_refused() -> None:
    store = FakeLockedStore()
    fingerprint = FakeSigner().public_key().fingerprint.removeprefix("sha256:")
    uri = S3Uri(FOLDER.bucket, f"phi/keys/{fingerprint}.json")
    store.put_locked(uri, b'{"public_key": "another"}', kms_key_arn=KEY, lock=HELD)
    with pytest.raises(IntegrityError, match="another key under this fingerprint"):
        kept(store)


def test_without_a_hold_the_retention_is_enough() -> None:
    place = PLACE.model_copy(update={"legal_hold": False, "retention_days": 30, "mode": LockMode.COMPLIANCE})
    store = FakeLockedStore()
    kept(store, place=place)
    assert set(store.locks.values()) == {ObjectLock(LockMode.COMPLIANCE, NOW + timedelta(days=30), is_held=False)}


def test_a_supplement_tells_what_is_new_beside_all_that_was_told() -> None:
    store = FakeLockedStore()
    kept(store)
    journal = told_by_trail(Journal(()))
    added = keeper(store).add([journal], NOW + timedelta(hours=1))
    assert (added.is_new, added.pack.title.sequence) == (True, 1)
    assert added.pack.untold["pending"] == [Kind.MATCHES, Kind.FINDINGS, Kind.WITNESSES]
    assert not keeper(store).add([journal], NOW + timedelta(hours=2)).is_new
    before, after = (
        {each["kind"]: each["body"] for each in map(json.loads, store.get(FOLDER / name).splitlines())}
        for name in ("0000.jsonl", "0001.jsonl")
    )
    changed = {kind for kind in before if before[kind] != after[kind]}
    assert changed == {"run", "journal"}


def test_nothing_is_added_to_no_pack() -> None:
    with pytest.raises(NotFoundError, match="evidence"):
        keeper(FakeLockedStore()).add([], NOW)
