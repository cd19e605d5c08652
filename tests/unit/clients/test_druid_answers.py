"""Tests of reading bodies: arrays object by object, however they are cut into pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.clients.druid_answers import json_arrays, json_object, json_objects, json_rows
from druid_reindex.errors import NoAnswerError, ProtocolError

REQUEST = httpx.Request("POST", "https://druid:8281/x?full")
TEXTS = st.text(alphabet='a"\\]}{[, é', max_size=8)
OBJECTS = st.lists(st.dictionaries(TEXTS, TEXTS, max_size=4), max_size=6)


def response(body: bytes, piece: int = 65_536) -> httpx.Response:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    return httpx.Response(200, content=pieces(), request=REQUEST, headers={"content-type": "application/json"})


@given(objects=OBJECTS, piece=st.integers(1, 9), indent=st.sampled_from([None, 1]))
def test_objects_survive_any_cut(objects: list[dict[str, str]], piece: int, indent: int | None) -> None:
    body = json.dumps(objects, indent=indent).encode() + b"\n"
    assert list(json_objects(response(body, piece), "list")) == objects


@given(objects=OBJECTS, data=st.data())
def test_an_array_that_ends_early_is_no_answer(objects: list[dict[str, str]], data: st.DataObject) -> None:
    body = json.dumps(objects).encode()
    kept = data.draw(st.integers(1, len(body) - 1))
    with pytest.raises(NoAnswerError):
        list(json_objects(response(body[:kept]), "list"))


@pytest.mark.parametrize("body", [b"", b"   ", b"<html>", b'{"error": "x"}', b"null"])
def test_what_is_no_array_is_not_druids(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(json_objects(response(body), "list"))


def test_large_arrays_arrive_in_pieces() -> None:
    body = json.dumps([{"identifier": f"segment-{n}", "dimensions": "x" * 500} for n in range(2_000)]).encode()
    found = [payload["identifier"] for payload in json_objects(response(body), "list")]
    assert (len(found), found[-1]) == (2_000, "segment-1999")


@pytest.mark.parametrize("body", [b"[]", b"1", b"", b"oops"])
def test_an_object_is_an_object(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        json_object(response(body), "read")
    assert json_object(response(b'{"a": 1}'), "read") == {"a": 1}


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"oops"])
def test_rows_are_objects(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        json_rows(response(body), "read")
    assert json_rows(response(b'[{"a": 1}]'), "read") == [{"a": 1}]


def test_rows_as_arrays_have_at_least_their_header() -> None:
    assert json_arrays(response(b'[["n"],[1]]'), "query Druid") == [["n"], [1]]
    for body in (b"[]", b"{}", b'[["n"],{"n":1}]'):
        with pytest.raises(ProtocolError):
            json_arrays(response(body), "query Druid")
