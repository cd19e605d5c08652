"""What chunks were built from."""

from __future__ import annotations

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.plan.built import (
    KEPT_VERSIONS,
    Built,
    Ledger,
    built_as,
    entry,
    from_json,
    inputs_digest,
    merged,
    serves_digest,
    to_json,
)
from timelines import one_job, segment


def test_it_survives_the_round_trip() -> None:
    ledger = {"a/b": (Built("v2", "i2", "f", "s2", "1:d"), Built("v1", "i1")), "b/c": (Built("v2", serves="s"),)}
    assert from_json(to_json(ledger)) == ledger


def test_the_first_protocol_knew_one_version_and_its_segments() -> None:
    body = b'{"protocol": 1, "chunks": {"a/b": {"version": "v1", "inputs": "d1"}}}'
    assert from_json(body) == {"a/b": (Built("v1", "d1"),)}


def test_the_digest_is_of_which_segments_there_are() -> None:
    one, two = segment("09-01/09-02", "v1"), segment("09-01/09-02", "v1", 1)
    assert inputs_digest([one, two]) == inputs_digest([two, one])
    assert len({inputs_digest([]), inputs_digest([one]), inputs_digest([one, two])}) == 3


def test_what_serves_is_told_by_interval_version_and_partition() -> None:
    whole = one_job("09-01/09-02", 3)
    assert serves_digest(whole) == serves_digest(reversed(whole))
    others = [whole[:2], one_job("09-01/09-02", 3, version="v9"), one_job("09-02/09-03", 3)]
    assert len({serves_digest(each) for each in (whole, *others)}) == 4


def test_the_newest_versions_are_kept_and_each_is_found() -> None:
    ledger: Ledger = {"a/b": (Built("v1", "old"),)}
    for version in ("v3", "v2", "v1", "v4"):
        ledger = merged(ledger, {"a/b": Built(version, "new")})
    assert [built.version for built in ledger["a/b"]] == ["v4", "v3", "v2"]
    assert len(ledger["a/b"]) == KEPT_VERSIONS
    assert built_as(ledger, "a/b", "v3") == Built("v3", "new")
    assert built_as(ledger, "a/b", "v1") is None
    assert built_as(ledger, "b/c", "v3") is None
    assert merged(ledger, {}) == ledger


def test_what_is_unknown_is_not_written() -> None:
    assert entry(Built("v1", serves="s")) == {"version": "v1", "serves": "s"}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"protocol": 3, "chunks": {}}', b'{"protocol": 2, "chunks": {"a": [{}]}}',
        b'{"protocol": 1, "chunks": {"a": {}}}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_to_do(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="delete it"):
        from_json(body)
