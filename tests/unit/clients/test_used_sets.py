"""A listing of used segments, counted as it arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from druid_reindex.clients import used_sets
from druid_reindex.clients.used_sets import counted
from druid_reindex.errors import NoAnswerError, ProtocolError
from druid_reindex.model.used_set import count_sets
from timelines import one_job, segment, tombstone

LISTED = [
    *one_job("09-01/09-02", 3, kind="hashed"), *one_job("09-02/09-03", 2, metrics=("events",)),
    segment("09-01/09-02", "v0"), tombstone("09-03/09-04", "v0"), *one_job("09-04/09-05", 1, dimensions=(), metrics=()),
]  # fmt: skip
COMPACTION = {"metricsSpec": [{"type": "count", "name": "n"}, {"type": "longSum", "name": "s"}]}
PAYLOADS = [dict(each.payload) | {"lastCompactionState": COMPACTION} for each in LISTED]


class Body(httpx.SyncByteStream):
    """A body that arrives in pieces."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]


def response(body: bytes, size: int = 1_000) -> httpx.Response:
    request = httpx.Request("POST", "https://druid:8281/druid/coordinator/v1/metadata/datasources/vitals/segments?full")
    return httpx.Response(200, request=request, headers={"content-type": "application/json"}, stream=Body(body, size))


def compact(payloads: list[Any]) -> bytes:
    return json.dumps(payloads, separators=(",", ":")).encode()


@pytest.mark.parametrize("size", [1, 7, 300, 1_000_000])
def test_it_counts_what_the_segments_would(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used_sets, "_READ_BYTES", size)
    assert counted(response(compact(PAYLOADS), size), "count") == count_sets(LISTED)


def test_a_text_of_another_form_is_read_too() -> None:
    turned = [dict(reversed(payload.items())) for payload in PAYLOADS]
    named = [payload["dimensions"].split(",") if payload["dimensions"] else None for payload in turned]
    lists = [payload | {"dimensions": names} for payload, names in zip(turned, named, strict=True)]
    assert counted(response(json.dumps(lists, indent=1).encode()), "count") == count_sets(LISTED)
    assert counted(response(b" [ ] "), "count") == []


@pytest.mark.parametrize(
    ("body", "error"),
    [(compact(PAYLOADS)[:-20], NoAnswerError), (b"", ProtocolError), (b"<html>", ProtocolError)],
)
def test_what_is_no_listing_is_an_error(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        counted(response(body), "count")


def test_a_segment_without_what_each_has_is_told() -> None:
    with pytest.raises(ValueError, match="version"):
        counted(response(b'[{"interval": "2026-09-01/2026-09-02", "size": 1}]'), "count")
