"""Tests of Druid's transport: configuration, redirects, repetition and its bounds, and what stays unsaid."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp, Pace
from druid_reindex.errors import (
    ConfigurationError,
    DruidReindexError,
    NoAnswerError,
    ProtocolError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)
from druid_server import CONFIG, client, unhurried

URL = "https://druid:8282/druid/v2/sql"


def replay(*answers: httpx.Response | Exception) -> tuple[list[httpx.Request], DruidHttp]:
    """What was asked, and a DruidHttp that gets ``answers`` one after the other, the last one for ever."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        given = answers[min(len(asked), len(answers)) - 1]
        if isinstance(given, Exception):
            raise given
        return given

    return asked, DruidHttp(CONFIG, transport=httpx.MockTransport(handle), pace=unhurried())


def status(response: httpx.Response) -> int:
    return response.status_code


def ask(method: str = "GET", *, repeatable: bool = True) -> Ask:
    return Ask("query Druid", method, URL, body={"secret": "spec"}, repeatable=repeatable)


@pytest.mark.parametrize(
    "broken", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.Response(503), httpx.Response(429)]
)
def test_what_may_pass_is_repeated(broken: httpx.Response | Exception) -> None:
    asked, http = replay(broken, broken, httpx.Response(200))
    assert http.run(ask(), status) == 200
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (httpx.ConnectTimeout("x"), NoAnswerError),
        (httpx.RemoteProtocolError("x"), NoAnswerError),
        (httpx.Response(502), UnavailableError),
        (httpx.Response(429), ThrottledError),
    ],
)
def test_repetition_ends_before_the_deadline(broken: httpx.Response | Exception, kind: type[Exception]) -> None:
    asked, http = replay(broken)
    with pytest.raises(kind):
        http.run(ask(), status)
    assert 5 < len(asked) < 30


def test_what_is_not_safe_is_asked_once() -> None:
    asked, http = replay(httpx.ReadTimeout("x"))
    with pytest.raises(NoAnswerError):
        http.run(ask("POST", repeatable=False), status)
    assert len(asked) == 1


@pytest.mark.parametrize("code", [400, 401, 403, 404, 500])
def test_a_refusal_is_not_repeated_and_a_failure_is(code: int) -> None:
    asked, http = replay(httpx.Response(code, text="{}"))
    with pytest.raises(DruidReindexError):
        http.run(ask(), status)
    assert (len(asked) == 1) == (code < 500)


def test_pauses_grow_to_a_bound_with_jitter() -> None:
    pace = Pace(jitter=lambda _low, high: high)
    assert [pace.pause_seconds(n) for n in range(7)] == [0.5, 1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize("code", [307, 308])
def test_a_redirect_to_a_named_leader_keeps_method_and_body(code: int) -> None:
    moved = httpx.Response(code, headers={"location": "https://druid:8290/druid/v2/sql?x=1"})
    asked, http = replay(moved, httpx.Response(200))
    assert http.run(ask("POST"), status) == 200
    assert (asked[1].method, asked[1].url.port, asked[1].content) == ("POST", 8290, asked[0].content)
    assert asked[1].headers["authorization"] == asked[0].headers["authorization"]


@pytest.mark.parametrize(
    ("code", "method", "location"),
    [
        (307, "GET", "https://elsewhere:8290/"),
        (307, "GET", "http://druid:8290/"),
        (302, "POST", "https://druid:8290/"),
        (307, "GET", URL),
    ],
)
def test_other_redirects_are_refused_and_see_no_credentials(code: int, method: str, location: str) -> None:
    asked, http = replay(httpx.Response(code, headers={"location": location}))
    with pytest.raises(ConfigurationError, match="redirect"):
        http.run(ask(method), status)
    assert {request.url.host for request in asked} == {"druid"}


def test_a_leader_may_be_named() -> None:
    config = DruidConfig(*CONFIG.urls, leader_hosts=("leader:8290",))
    assert "leader:8290" in config.trusted


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("druid:8290", "not an http"),
        ("ftp://druid", "not an http"),
        ("https://user:pw@druid:8290", "carries credentials"),
        ("http://druid:8290", "clear text"),
    ],
)
def test_urls_that_cannot_work_are_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        DruidConfig(url, url, url, "airflow", "pw")
    assert "user:pw" not in str(caught.value)


def test_plain_http_is_for_loopback_or_without_password() -> None:
    DruidConfig(*["http://127.0.0.1:8290"] * 3, "airflow", "pw")
    DruidConfig(*["http://druid:8290"] * 3)


def test_a_ca_bundle_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match=str(path)):
            DruidHttp(DruidConfig(*CONFIG.urls, ca_file=path))


def test_no_body_and_no_password_reaches_a_log_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asked, http = replay(httpx.Response(400, headers={"content-type": "text/html"}, text="<p>secret spec</p>"))
    with pytest.raises(RefusedError) as caught:
        http.run(ask("POST"), status)
    encoded = base64.b64encode(b"airflow:clear-text-pw").decode()
    assert asked[0].headers["authorization"] == f"Basic {encoded}"
    said = caplog.text + str(caught.value) + repr(CONFIG)
    for hidden in ("clear-text-pw", encoded, "secret"):
        assert hidden not in said


def test_a_body_cut_short_is_repeated_and_a_login_page_is_not() -> None:
    answers = iter([httpx.Response(200, text='[{"rows": 1'), httpx.Response(200, text='[{"rows": 1}]')])
    assert client(lambda _request: next(answers)).query("SELECT 1") == [{"rows": 1}]
    with pytest.raises(ProtocolError, match="no proxy or login page"):
        client(lambda _request: httpx.Response(200, html="<html>Sign in</html>")).query("SELECT 1")


def test_an_answer_that_breaks_off_is_asked_again() -> None:
    def broken() -> Iterator[bytes]:
        yield b'[{"rows"'
        raise httpx.ReadError("reset")

    answers = iter([httpx.Response(200, content=broken()), httpx.Response(200, text="[]")])
    assert client(lambda _request: next(answers)).query("SELECT 1") == []
