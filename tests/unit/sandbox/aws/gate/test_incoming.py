"""One request as it arrived."""

from __future__ import annotations

import io
from typing import Any

import pytest

from druid_reindex.sandbox.aws.gate.incoming import Incoming


def incoming(**environ: Any) -> Incoming:
    return Incoming({"REQUEST_METHOD": "PUT", "wsgi.input": io.BytesIO(b"content and more"), **environ})


def test_headers_are_found_by_name() -> None:
    request = incoming(HTTP_X_AMZ_DATE="today", CONTENT_TYPE="text/plain")
    assert [request.header(name) for name in ("X-Amz-Date", "content-type", "absent")] == ["today", "text/plain", None]


@pytest.mark.parametrize(
    ("raw", "path"),
    [("/b/a%2Fb?x=1", "/b/a%2Fb"), ("https://127.0.0.1/b/k?x", "/b/k"), ("//k", "//k"), ("", "/decoded")],
)
def test_the_path_is_as_the_client_wrote_it(raw: str, path: str) -> None:
    assert incoming(RAW_URI=raw, PATH_INFO="/decoded").path == path


def test_the_query_is_decoded_pair_by_pair() -> None:
    request = incoming(QUERY_STRING="delete&prefix=a%20b+c&x=1&x=2")
    assert request.query == [("delete", ""), ("prefix", "a b+c"), ("x", "1"), ("x", "2")]
    assert request.arguments["x"] == "2"


@pytest.mark.parametrize(
    ("environ", "body"),
    [({"CONTENT_LENGTH": "7"}, b"content"), ({}, b""), ({"wsgi.input_terminated": True}, b"content and more")],
)
def test_the_body_stays_for_who_comes_next(environ: dict[str, Any], body: bytes) -> None:
    request = incoming(**environ)
    assert request.body == body
    assert request.environ["wsgi.input"].read() == body
    assert request.environ["CONTENT_LENGTH"] == str(len(body))
    assert "wsgi.input_terminated" not in request.environ
