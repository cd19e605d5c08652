"""What an answer of Druid, or the lack of one, means in our error tree.

Two forms of error bodies exist: ``{error, errorMessage, errorClass, host}`` and, from Druid 27 on, DruidException's
``{error: "druidException", errorCode, persona, category, errorMessage}``, whose category says more than the status.
Sources: https://druid.apache.org/docs/25.0.0/querying/sql-api.html,
https://github.com/apache/druid/blob/master/processing/src/main/java/org/apache/druid/error/DruidException.java
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from druid_reindex.errors import (
    ConfigurationError,
    DruidReindexError,
    NoAnswerError,
    NotAuthorizedError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)

_QUOTED_CHARACTERS = 300
_JACKSON_SOURCE = re.compile(r"\s*(at )?\[Source:.*", re.DOTALL)

CATEGORIES: Mapping[str, type[DruidReindexError]] = {
    "DEFENSIVE": UnavailableError,
    "INVALID_INPUT": RefusedError,
    "UNAUTHORIZED": NotAuthorizedError,
    "FORBIDDEN": NotAuthorizedError,
    "CAPACITY_EXCEEDED": ThrottledError,
    "CANCELED": UnavailableError,
    "RUNTIME_FAILURE": UnavailableError,
    "SERVICE_UNAVAILABLE": UnavailableError,
    "TIMEOUT": UnavailableError,
    "UNSUPPORTED": RefusedError,
    "UNCATEGORIZED": UnavailableError,
    "NOT_FOUND": NotFoundError,
}

STATUSES: Mapping[int, type[DruidReindexError]] = {
    401: NotAuthorizedError,
    403: NotAuthorizedError,
    404: NotFoundError,
    408: NoAnswerError,
    429: ThrottledError,
}

# What is missing for whoever is not let in: a login that is known, or a permission of a user who is.
_REFUSALS = {
    401: "check the connection's login and password: Druid does not know this user by them",
    403: "let this user: name all pipeline files of its classification to `druid-reindex druid-user --apply`",
}

REMEDIES: Mapping[type[DruidReindexError], str] = {
    NotAuthorizedError: "check the connection's login and the user's permissions in Druid",
    NotFoundError: "check the connection's URLs: this server does not know the path or the name",
    RefusedError: "correct the request as Druid says",
    ThrottledError: "wait, or give Druid more capacity",
    UnavailableError: "look at the server's log; a retry may help",
    NoAnswerError: "check that the server is up and reachable",
    ProtocolError: "check that the URL is Druid's own and no proxy or login page",
    ConfigurationError: "correct the connection",
}

HTTPX: Mapping[type[httpx.HTTPError], type[DruidReindexError]] = {
    httpx.HTTPError: NoAnswerError,
    httpx.TransportError: NoAnswerError,
    httpx.UnsupportedProtocol: ConfigurationError,
    httpx.ProxyError: ConfigurationError,
    httpx.LocalProtocolError: ConfigurationError,
    httpx.DecodingError: ProtocolError,
    httpx.TooManyRedirects: ConfigurationError,
    httpx.HTTPStatusError: ProtocolError,
}


def from_answer(response: httpx.Response, *, attempted: str, resource: str) -> DruidReindexError:
    """The error that an unexpected answer stands for; its body must have been read."""
    body = _json(response)
    kind = kind_of(response.status_code, body)
    came_back = f"HTTP {response.status_code}{_said(response, body)}"
    refusal = _REFUSALS.get(response.status_code) if kind is NotAuthorizedError else None
    return kind(attempted, resource=resource, came_back=came_back, remedy=refusal or REMEDIES[kind])


def kind_of(status: int, body: Any) -> type[DruidReindexError]:
    """The kind of error for a status and a body: DruidException's category first, then the status."""
    category = body.get("category") if isinstance(body, dict) else None
    if isinstance(category, str) and category in CATEGORIES:
        return CATEGORIES[category]
    if status in STATUSES:
        return STATUSES[status]
    if status >= 500:
        return UnavailableError
    return RefusedError if status >= 400 else ProtocolError


def from_httpx(error: httpx.HTTPError, *, attempted: str, resource: str) -> DruidReindexError:
    """The error for a request that got no answer; a certificate that fails verification is a person's to correct."""
    if _is_certificate(error):
        return ConfigurationError(
            attempted,
            resource=resource,
            came_back="the server's certificate fails verification",
            remedy="name the CA bundle that signed it, and a URL whose host the certificate carries",
        )
    kind = next(HTTPX[cls] for cls in type(error).__mro__ if cls in HTTPX)
    came_back = f"{type(error).__name__}, no usable answer"
    return kind(attempted, resource=resource, came_back=came_back, remedy=REMEDIES[kind])


def malformed(response: httpx.Response, text: str, *, attempted: str, resource: str) -> DruidReindexError:
    """The error for a body that should be JSON: cut short is no answer, anything else is not Druid's."""
    stripped = text.strip()
    closer = {"[": "]", "{": "}"}.get(stripped[:1])
    if closer and not stripped.endswith(closer):
        return NoAnswerError(
            attempted,
            resource=resource,
            came_back=f"HTTP {response.status_code} whose JSON ends early after {len(text)} characters",
            remedy="look at the server's log: it failed while it answered; a retry may help",
        )
    came_back = f"HTTP {response.status_code}, {_type(response)}, which is no JSON of Druid's"
    return ProtocolError(attempted, resource=resource, came_back=came_back, remedy=REMEDIES[ProtocolError])


def quoted(text: str) -> str:
    """The first line of a server's message, capped, without Jackson's excerpt of the request."""
    first = _JACKSON_SOURCE.sub("", text.strip()).split("\n", 1)[0]
    return first if len(first) <= _QUOTED_CHARACTERS else first[: _QUOTED_CHARACTERS - 1] + "…"


def _said(response: httpx.Response, body: Any) -> str:
    if isinstance(body, dict):
        named = (body.get(key) for key in ("error", "errorCode", "errorClass"))
        names = [name for name in named if isinstance(name, str)]
        message = body.get("errorMessage") or body.get("message") or ""
        return ": " + quoted(" ".join([*names, str(message)]))
    if _type(response) == "text/plain":
        return ": " + quoted(response.text)
    return f", {_type(response)}, {len(response.content)} bytes"


def _type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "no content type")).split(";")[0].strip()


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _is_certificate(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
