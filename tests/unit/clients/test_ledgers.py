"""The ledger in a store, and how a lost one is found again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from druid_reindex.clients.ledgers import LedgerShelf
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.built import Built
from timelines import boundaries
from twins import FakeStore

PHI = boundaries().phi
FIRST, LAST = "2026-10-05T02:30:00.000Z", "2026-10-06T02:30:00.000Z"
NIGHT = datetime(2026, 10, 6, 3, 30, tzinfo=UTC)


def shelf(store: FakeStore) -> LedgerShelf:
    return LedgerShelf(store, PHI, "patient_vitals")


def result(store: FakeStore, run: str, version: str, *, nights_ago: int = 0, **facts: Any) -> S3Uri:
    """What a batch of ``run`` left, ``nights_ago``."""
    uri = S3Uri.parse(PHI.runs_uri) / f"{run}/batches/0/result.json"
    record = {"datasource": "patient_vitals", "built": {"a/b": {"version": version, "definition": f"1:{run}"}}} | facts
    store.put(uri, json.dumps(record).encode(), kms_key_arn=PHI.kms_key_arn)
    store.written[uri] = NIGHT - timedelta(days=nights_ago)
    return uri


def test_it_is_kept_under_the_boundarys_key_and_read_again() -> None:
    store = FakeStore()
    assert shelf(store).read() is None
    shelf(store).keep({"a/b": Built("v1")}, lost={"b/c": (Built("v0"),)})
    shelf(store).keep({"a/b": Built("v2")}, lost={"x/y": (Built("v0"),)})
    assert shelf(store).read() == {"a/b": (Built("v2"), Built("v1")), "b/c": (Built("v0"),)}
    uri = names.built_uri(PHI, "patient_vitals")
    assert store.kms_keys([uri]) == {uri: PHI.kms_key_arn}


def test_a_lost_one_is_made_of_the_results_that_can_have_made_what_serves() -> None:
    store = FakeStore()
    result(store, "r1", FIRST, nights_ago=1)
    result(store, "r2", LAST)
    assert shelf(store).recovered({FIRST, LAST}) == {
        "a/b": (Built(LAST, definition="1:r2"), Built(FIRST, definition="1:r1"))
    }
    assert shelf(store).recovered({LAST}) == {"a/b": (Built(LAST, definition="1:r2"),)}
    assert shelf(store).recovered(set()) == {}


def test_results_of_others_and_of_before_say_nothing() -> None:
    store = FakeStore()
    result(store, "other", LAST, datasource="labs")
    store.put(result(store, "old", LAST, nights_ago=2), b"not read", kms_key_arn=PHI.kms_key_arn)
    plain = result(store, "plain", LAST)
    store.put(plain, b'{"protocol": 1}', kms_key_arn=PHI.kms_key_arn)
    store.put(S3Uri.parse(PHI.runs_uri) / "r/plan.json", b"not read", kms_key_arn=PHI.kms_key_arn)
    assert shelf(store).recovered({LAST}) == {}


def test_a_version_that_is_no_instant_has_every_result_read() -> None:
    store = FakeStore()
    result(store, "r1", FIRST, nights_ago=400)
    assert shelf(store).recovered({"v1"}) == {"a/b": (Built(FIRST, definition="1:r1"),)}
