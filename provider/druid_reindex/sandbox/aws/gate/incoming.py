"""One request as it arrived: raw path and query, headers by name, and a body that can be read more than once."""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

UNHEADED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
RAW_PATH = "RAW_URI"


class Incoming:
    """A WSGI request; reading its body leaves the body in place for who comes next."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ
        self.method = str(environ["REQUEST_METHOD"])

    def header(self, name: str) -> str | None:
        """Return the header's value, None when it was not sent."""
        key = UNHEADED.get(name.lower()) or f"HTTP_{name.upper().replace('-', '_')}"
        value = self.environ.get(key)
        return None if value is None else str(value)

    @cached_property
    def path(self) -> str:
        """The path as the client encoded it; a proxy's absolute form is cut to its path."""
        raw = str(self.environ.get(RAW_PATH) or self.environ.get("PATH_INFO", "/")).partition("?")[0]
        return raw if raw.startswith("/") else urlsplit(raw).path or "/"

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query's pairs, decoded, in the order in which they came."""
        text = str(self.environ.get("QUERY_STRING", ""))
        pairs = (part.partition("=") for part in text.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]

    @cached_property
    def arguments(self) -> dict[str, str]:
        """The query by name; of several values the last."""
        return dict(self.query)

    @cached_property
    def body(self) -> bytes:
        """The whole body."""
        stream = self.environ["wsgi.input"]
        if self.environ.get("wsgi.input_terminated"):
            content: bytes = stream.read()
        else:
            length = self.environ.get("CONTENT_LENGTH") or "0"
            content = stream.read(int(length)) if length != "0" else b""
        self.replace_body(content)
        return content

    def replace_body(self, content: bytes) -> None:
        """Put `content` in the body's place."""
        self.environ["wsgi.input"] = io.BytesIO(content)
        self.environ["CONTENT_LENGTH"] = str(len(content))
        self.environ.pop("HTTP_TRANSFER_ENCODING", None)
        self.environ.pop("wsgi.input_terminated", None)
