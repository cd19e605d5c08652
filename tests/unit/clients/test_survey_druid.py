"""Looks at Druid's protection, on documented answers."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from druid_reindex.clients.survey_druid import DruidSurvey
from druid_reindex.errors import NotAuthorizedError, UnavailableError
from druid_reindex.model.druid_server import DruidServer
from druid_server import CONFIG, unhurried

Handler = Callable[[httpx.Request], httpx.Response]


def survey(handler: Handler) -> DruidSurvey:
    return DruidSurvey(CONFIG, transport=httpx.MockTransport(handler), pace=unhurried())


def test_servers_with_their_ports() -> None:
    row = {"server": "h:8281", "server_type": "coordinator", "plaintext_port": -1, "tls_port": 8281}
    assert survey(lambda _request: httpx.Response(200, json=[row])).known_servers() == (
        DruidServer("h:8281", "coordinator", -1, 8281),
    )


def test_only_properties_that_are_judged_are_kept() -> None:
    found = {
        "druid.escalator.type": "basic",
        "druid.escalator.internalClientPassword": "hunter2",
        "druid.auth.authorizer.basic.type": "basic",
        "druid.auth.authorizer.basic.initialAdminUser": "root",
        "druid.metadata.storage.connector.password": "hunter2",
    }
    asked: list[str] = []

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json=found)

    kept = survey(answered).properties("Coordinator")
    assert kept == {"druid.escalator.type": "basic", "druid.auth.authorizer.basic.type": "basic"}
    assert asked == ["https://druid:8281/status/properties"]


def test_the_release() -> None:
    assert survey(lambda _request: httpx.Response(200, json={"version": "25.0.0"})).version() == "25.0.0"


@pytest.mark.parametrize(("status", "answers"), [(200, True), (401, False), (403, False)])
@pytest.mark.parametrize("server", ["Overlord", "Coordinator", "Broker"])
def test_whether_strangers_are_answered(server: str, status: int, *, answers: bool) -> None:
    asked: list[httpx.Request] = []

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json=[])

    looked = survey(answered)
    assert looked.answers_strangers(server) is answers
    (request,) = asked
    assert "authorization" not in request.headers
    assert str(request.url).startswith(f"{looked.servers[server]}/druid/")


def test_what_is_no_word_on_strangers_is_no_answer() -> None:
    with pytest.raises(UnavailableError):
        survey(lambda _request: httpx.Response(503)).answers_strangers("Broker")


def test_a_user_who_may_not_read_properties() -> None:
    with pytest.raises(NotAuthorizedError):
        survey(lambda _request: httpx.Response(403)).properties("Broker")
