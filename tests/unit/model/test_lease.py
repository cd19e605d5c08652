"""Leases as values, and as the JSON that other deployments read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.errors import ProtocolError
from druid_reindex.model.identity import RunId
from druid_reindex.model.lease import SLACK, Broken, Lease, from_json, to_json

NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
OWNER = RunId.of(UUID(int=1), dag_id="nightly", run_id="manual__1")
LEASE = Lease("vitals", str(OWNER), str(UUID(int=1)), "nightly", "manual__1", 1, NOW, NOW + timedelta(minutes=30))

instants = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
breaks = st.builds(Broken, st.text(), st.text(), instants)
plain = st.builds(
    Lease, st.text(), st.uuids().map(str), st.text(), st.text(), st.text(), st.integers(1), instants, instants,
    st.none() | instants, st.none() | breaks,
)  # fmt: skip
leases = st.builds(replace, plain, displaced=st.lists(plain, max_size=3).map(tuple))


@given(leases)
def test_a_lease_comes_back_from_its_json_as_it_was(lease: Lease) -> None:
    assert from_json(to_json(lease)) == lease


def test_the_json_is_canonical_and_says_its_protocol() -> None:
    body = to_json(LEASE)
    assert body == json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    assert json.loads(body)["protocol"] == 1
    assert b'"since":"2026-10-06T02:30:00+00:00"' in body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"protocol":1}',
        to_json(LEASE).replace(b'"protocol":1', b'"protocol":2'),
        to_json(LEASE).replace(b'"fence":1', b'"fence":"1"'),
        to_json(LEASE).replace(b'"vitals"', b"7"),
        to_json(LEASE).replace(str(OWNER).encode(), b"somebody"),
        to_json(LEASE).replace(b'"displaced":[]', b'"displaced":[{}]'),
        to_json(LEASE).replace(b'"broken":null', b'"broken":"yes"'),
    ],
)
def test_what_this_release_cannot_read_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        from_json(body)


def test_a_lease_knows_its_run() -> None:
    assert LEASE.run == OWNER
    assert (LEASE.run.dag_id, LEASE.run.dag_run_id) == ("nightly", "manual__1")
    assert str(LEASE).startswith("DAG nightly, run manual__1 (deployment ")


def test_when_another_run_may_take_it() -> None:
    later = NOW + timedelta(minutes=1)
    broken = replace(LEASE, broken=Broken("anna", "dead", later))
    assert LEASE.free_at == LEASE.until + SLACK
    assert broken.free_at == later + SLACK
    assert replace(LEASE, released_at=later).free_at == later
    assert replace(broken, released_at=later).free_at == later


def test_a_lease_is_open_until_it_is_given_back_or_broken() -> None:
    assert (LEASE.is_open, LEASE.is_given_back) == (True, False)
    assert not replace(LEASE, broken=Broken("anna", "dead", NOW)).is_open
    given_back = replace(LEASE, released_at=NOW)
    assert (given_back.is_open, given_back.is_given_back) == (False, True)
