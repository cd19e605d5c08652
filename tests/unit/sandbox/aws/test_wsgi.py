"""The chain of middlewares before moto."""

from __future__ import annotations

import uuid
from typing import Any

from druid_reindex.sandbox.aws import wsgi


def call(application: Any, path: str) -> tuple[str, bytes]:
    said: list[str] = []
    body = application({"PATH_INFO": path, "REQUEST_METHOD": "POST"}, lambda status, _: said.append(status))
    return said[0], b"".join(body)


def answer(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"inner"]


def test_motos_own_interface_is_closed_and_the_rest_passes() -> None:
    guarded = wsgi.without_control(answer)
    assert call(guarded, "/moto-api/reset") == ("403 Forbidden", b"")
    assert call(guarded, "/bucket/moto-api") == ("200 OK", b"inner")


def test_a_request_id_is_a_uuid_in_both_headers() -> None:
    headers: dict[str, Any] = {}
    made = wsgi.request_id(headers)
    assert str(uuid.UUID(made)) == made
    assert headers == {"x-amzn-requestid": made, "x-amz-request-id": made}
    assert wsgi.request_id() != made
