"""Tests of what Druid's answers mean: each status, category and httpx exception has its place in the tree."""

from __future__ import annotations

import inspect
import ssl

import httpx
import pytest

from druid_reindex.clients import druid_errors
from druid_reindex.clients.druid_errors import CATEGORIES, REMEDIES, from_answer, from_httpx, kind_of, malformed, quoted
from druid_reindex.errors import (
    ConfigurationError,
    NoAnswerError,
    NotAuthorizedError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    Terminal,
    ThrottledError,
    Transient,
    UnavailableError,
)

REQUEST = httpx.Request("GET", "https://druid:8281/x")
EXCEPTIONS = [cls for _, cls in inspect.getmembers(httpx, inspect.isclass) if issubclass(cls, httpx.HTTPError)]


@pytest.mark.parametrize("cls", EXCEPTIONS, ids=lambda cls: cls.__name__)
def test_each_exception_of_httpx_is_mapped(cls: type[httpx.HTTPError]) -> None:
    is_status = cls is httpx.HTTPStatusError
    error = cls("x", request=REQUEST, response=httpx.Response(500)) if is_status else cls("x")
    translated = from_httpx(error, attempted="ask", resource="druid")
    assert isinstance(translated, (Terminal, Transient))
    if issubclass(cls, (httpx.TimeoutException, httpx.NetworkError)):
        assert isinstance(translated, NoAnswerError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, ProtocolError), (400, RefusedError), (401, NotAuthorizedError), (403, NotAuthorizedError),
        (404, NotFoundError), (405, RefusedError), (408, NoAnswerError), (415, RefusedError), (429, ThrottledError),
        (500, UnavailableError), (503, UnavailableError), (504, UnavailableError),
    ],
)  # fmt: skip
def test_statuses(status: int, kind: type[Exception]) -> None:
    assert kind_of(status, None) is kind


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_category_says_more_than_the_status(category: str) -> None:
    assert kind_of(500, {"category": category}) is CATEGORIES[category]
    assert CATEGORIES[category] in REMEDIES
    assert kind_of(400, {"category": "NEW_IN_DRUID_99"}) is RefusedError


def test_a_certificate_that_fails_is_a_persons_to_correct() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = OSError("x")
    error.__cause__.__cause__ = ssl.SSLCertVerificationError(1, "self-signed certificate")
    assert isinstance(from_httpx(error, attempted="ask", resource="druid"), ConfigurationError)


def test_sql_errors_are_told_by_name_and_first_line() -> None:
    body = {"error": "Plan validation failed", "errorMessage": "no such column\n at row 1", "errorClass": "a.b.C"}
    error = from_answer(httpx.Response(400, json=body), attempted="query Druid", resource="https://druid")
    assert isinstance(error, RefusedError)
    assert error.came_back == "HTTP 400: Plan validation failed a.b.C no such column"


def test_bodies_that_are_not_druids_are_not_told() -> None:
    error = from_answer(httpx.Response(502, html="<b>patient</b>"), attempted="ask", resource="druid")
    assert error.came_back == "HTTP 502, text/html, 14 bytes"
    assert from_answer(httpx.Response(500), attempted="a", resource="b").came_back.endswith("0 bytes")
    assert "no log" in from_answer(httpx.Response(404, text="no log"), attempted="a", resource="b").came_back


def test_jacksons_excerpt_of_the_request_is_cut_and_messages_are_capped() -> None:
    assert quoted('Cannot construct X\n at [Source: (String)"{secret}"]') == "Cannot construct X"
    assert quoted('Unknown type at [Source: (String)"{secret}"]') == "Unknown type"
    assert len(quoted("x" * 1000)) == 300


@pytest.mark.parametrize(
    ("text", "kind"),
    [("[1, 2", NoAnswerError), ('{"a": ', NoAnswerError), ("<html>", ProtocolError), ("", ProtocolError)],
)
def test_a_body_cut_short_is_no_answer(text: str, kind: type[Exception]) -> None:
    assert isinstance(malformed(httpx.Response(200), text, attempted="a", resource="b"), kind)


def test_the_module_cites_both_forms() -> None:
    assert "DruidException" in (druid_errors.__doc__ or "")


@pytest.mark.parametrize(("status", "said"), [(401, "login and password"), (403, "druid-user --apply")])
def test_who_is_not_known_and_who_is_not_let_are_told_apart(status: int, said: str) -> None:
    error = from_answer(httpx.Response(status), attempted="read", resource="https://druid:8281")
    assert isinstance(error, NotAuthorizedError)
    assert said in error.remedy
