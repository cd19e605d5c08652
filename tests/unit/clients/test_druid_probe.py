"""Tests of the look at Druid's servers."""

from __future__ import annotations

import httpx
import pytest

from druid_reindex.clients.druid_probe import probe
from druid_reindex.errors import NotAuthorizedError, ProtocolError, UnavailableError
from druid_server import CONFIG, unhurried


def druid(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/status":
        return httpx.Response(200, json={"version": f"25.0.{request.url.port % 10}"})
    return httpx.Response(200, json=[{"EXPR$0": 1}])


def asked(handle: object) -> dict[str, str]:
    return probe(CONFIG, transport=httpx.MockTransport(handle), pace=unhurried())  # type: ignore[arg-type]


def test_each_server_tells_its_release_and_a_query_is_answered() -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return druid(request)

    assert asked(handle) == {"Overlord": "25.0.0", "Coordinator": "25.0.1", "Broker": "25.0.2"}
    assert seen == ["/status", "/status", "/status", "/druid/v2/sql"]


def test_a_user_who_may_not_query_is_told_so() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return druid(request) if request.url.path == "/status" else httpx.Response(403)

    with pytest.raises(NotAuthorizedError, match="query Druid"):
        asked(handle)


def test_a_server_that_is_not_druid_is_named() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={}) if request.url.port == 8281 else druid(request)

    with pytest.raises(ProtocolError, match="ask the Coordinator for its release on https://druid:8281/status"):
        asked(handle)


def test_it_gives_up_within_seconds() -> None:
    pace = unhurried()
    with pytest.raises(UnavailableError):
        probe(CONFIG, transport=httpx.MockTransport(lambda _request: httpx.Response(503)), pace=pace)
    assert pace.clock() < 30
