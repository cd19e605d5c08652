"""Reads the bodies of Druid's answers: whole JSON values, plain text, and long arrays object by object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from druid_reindex.clients.druid_errors import malformed
from druid_reindex.errors import DruidReindexError

_DECODER = json.JSONDecoder()


def json_object(response: httpx.Response, attempted: str) -> dict[str, Any]:
    """The JSON object in the body. Raises ProtocolError or NoAnswerError for anything else."""
    value = _json_value(response, attempted)
    if isinstance(value, dict):
        return value
    raise _malformed(response, "", attempted)


def json_rows(response: httpx.Response, attempted: str) -> list[dict[str, Any]]:
    """The array of JSON objects in the body. Raises ProtocolError or NoAnswerError for anything else."""
    value = _json_value(response, attempted)
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return value
    raise _malformed(response, "", attempted)


def json_arrays(response: httpx.Response, attempted: str) -> list[list[Any]]:
    """The array of one or more JSON arrays in the body. Raises ProtocolError or NoAnswerError for anything else."""
    value = _json_value(response, attempted)
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        return value
    raise _malformed(response, "", attempted)


def text(response: httpx.Response) -> str:
    """The body as text."""
    response.read()
    return response.text


def json_objects(response: httpx.Response, attempted: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, one by one as they arrive, so that the text is never held as a whole.

    Raises NoAnswerError when the array is cut short, ProtocolError when the body is something else.
    """
    rest, opened = "", False
    for arrived in response.iter_text(65_536):
        rest += arrived
        if not opened:
            rest = rest.lstrip()
            if rest[:1] not in {"", "["}:
                raise _malformed(response, rest, attempted)
            opened, rest = bool(rest), rest[1:]
        whole, rest = _whole_objects(rest)
        yield from whole
    if not opened or rest.strip() != "]":
        raise _malformed(response, "[" if opened else "", attempted)


def _whole_objects(text: str) -> tuple[list[dict[str, Any]], str]:
    """The objects at the head of ``text`` that have fully arrived, and what follows them."""
    objects: list[dict[str, Any]] = []
    position = 0
    while True:
        start = position
        while text[start : start + 1] in {" ", "\t", "\r", "\n", ","}:
            start += 1
        if text[start : start + 1] != "{":
            return objects, text[start:]
        try:
            value, position = _DECODER.raw_decode(text, start)
        except ValueError:
            return objects, text[start:]
        objects.append(value)


def _json_value(response: httpx.Response, attempted: str) -> Any:
    body = text(response)
    try:
        return json.loads(body)
    except ValueError as error:
        raise _malformed(response, body, attempted) from error


def _malformed(response: httpx.Response, body: str, attempted: str) -> DruidReindexError:
    resource = str(response.request.url.copy_with(query=None, userinfo=b""))
    return malformed(response, body, attempted=attempted, resource=resource)
