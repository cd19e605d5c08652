"""A proxy on loopback that spoils calls on their way to AWS or to Druid: in front of an emulator, a twin, a sandbox.

``faulty(upstream, injector, tls)`` serves until its block ends; ``Injector`` says which calls meet what, and
counts what came by. An upstream is anything that answers an ``httpx.Request``: ``forwarding(url, ca)`` or a twin.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

Upstream = Callable[[httpx.Request], httpx.Response]
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_S3 = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_NO_LINGER = struct.pack("ii", 1, 0)


class Fault(StrEnum):
    """What may happen to a call; only ``UNANSWERED`` and ``SLOW`` let it take effect."""

    THROTTLED = "throttled"
    FAILED = "failed"
    RESET = "reset"
    SILENT = "silent"
    UNANSWERED = "unanswered"
    SLOW = "slow"


@dataclass
class Injector:
    """Which calls are spoilt: each of ``operations`` (None: whatever comes) meets ``fault`` its first ``times`` times.

    ``seen`` counts all calls by operation, ``spoilt`` those that met the fault. ``silent_seconds`` must outlast the
    client's time-out, ``slow_seconds`` must not.
    """

    fault: Fault | None = None
    operations: frozenset[str] | None = None
    times: int = 1
    silent_seconds: float = 1.5
    slow_seconds: float = 0.3
    seen: Counter[str] = field(default_factory=Counter)
    spoilt: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, fault: Fault | None, *operations: str, times: int = 1) -> None:
        """Begin anew: nothing seen, and ``fault`` for each of ``operations`` (none: for all)."""
        with self._lock:
            self.fault, self.operations, self.times = fault, frozenset(operations) or None, times
            self.seen.clear()
            self.spoilt.clear()

    def meet(self, operation: str) -> Fault | None:
        """What this call of ``operation`` meets."""
        with self._lock:
            self.seen[operation] += 1
            chosen = self.operations is None or operation in self.operations
            if self.fault is None or not chosen or self.spoilt[operation] >= self.times:
                return None
            self.spoilt[operation] += 1
            return self.fault


@dataclass(frozen=True)
class TlsFiles:
    """The proxy's own certificate, and its key."""

    certificate: Path
    key: Path


def operation_of(request: httpx.Request) -> str:
    """The call's name: AWS's own, or the last words of Druid's path that are no name of a resource."""
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    path = request.url.path
    if path.startswith(("/druid", "/status")):
        return _druid_operation(path)
    if _is_query(request):
        return dict(parse_qsl(request.content.decode()))["Action"]
    if "list-type" in request.url.params:
        return "ListObjects"
    conditional = {"if-match", "if-none-match"} & request.headers.keys()
    return _S3[request.method] + ("If" if conditional and request.method == "PUT" else "")


def _is_query(request: httpx.Request) -> bool:
    """Whether it is of the query protocol, as EC2's and IAM's calls are."""
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _druid_operation(path: str) -> str:
    last = path.rstrip("/").rpartition("/")[2]
    if "/task/" in path:
        return f"task {last}"
    return {"task": "submit", "status": "version"}.get(last, last)


def spoilt_answer(request: httpx.Request, fault: Fault) -> httpx.Response:
    """How the service itself says that it throttles, or that it failed.

    Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
    https://docs.aws.amazon.com/emr/latest/APIReference/CommonErrors.html,
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    throttled = fault is Fault.THROTTLED
    if "x-amz-target" in request.headers:
        code = "ThrottlingException" if throttled else "InternalServerError"
        return httpx.Response(400 if throttled else 500, json={"__type": code, "message": "injected"})
    if request.url.path.startswith(("/druid", "/status")):
        return httpx.Response(429 if throttled else 500, json={"error": "injected", "errorMessage": "injected"})
    if _is_query(request):
        code = "RequestLimitExceeded" if throttled else "InternalError"
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>injected</Message></Error></Errors></Response>"
        return httpx.Response(503 if throttled else 500, headers={"content-type": "text/xml"}, text=body)
    code = "SlowDown" if throttled else "InternalError"
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>"
    return httpx.Response(503 if throttled else 500, headers={"content-type": "application/xml"}, text=body)


@contextmanager
def forwarding(url: str, ca_file: Path) -> Iterator[Upstream]:
    """The server at ``url``; requests keep their headers, the host's name among them, for they may be signed."""
    client = httpx.Client(verify=ssl.create_default_context(cafile=str(ca_file)), trust_env=False, timeout=120)

    def send(request: httpx.Request) -> httpx.Response:
        onward = httpx.URL(url).copy_with(raw_path=request.url.raw_path)
        headers = [(name, value) for name, value in request.headers.multi_items() if name != "expect"]
        return client.send(httpx.Request(request.method, onward, headers=headers, content=request.content))

    with client:
        yield send


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Proxy

    def _serve(self) -> None:
        request = httpx.Request(
            self.command,
            f"https://proxy{self.path}",
            headers=list(self.headers.items()),
            content=self._body(),
            extensions={"client_port": self.client_address[1]},
        )
        match self.server.injector.meet(operation_of(request)):
            case None:
                self._answer(self.server.upstream(request))
            case Fault.SLOW:
                answer = self.server.upstream(request)
                time.sleep(self.server.injector.slow_seconds)
                self._answer(answer)
            case Fault.UNANSWERED:
                self.server.upstream(request)
                self._reset()
            case Fault.RESET:
                self._reset()
            case Fault.SILENT:
                time.sleep(self.server.injector.silent_seconds)
                self._reset()
            case fault:
                self._answer(spoilt_answer(request, fault))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        del self.headers["transfer-encoding"]
        return b"".join(chunks)

    def _answer(self, answer: httpx.Response) -> None:
        body = answer.content
        self.send_response_only(answer.status_code)
        for name, value in answer.headers.multi_items():
            if name not in _HOP and name != "content-encoding":
                self.send_header(name, value)
        length = answer.headers.get("content-length", "0") if self.command == "HEAD" else str(len(body))
        if answer.status_code != 204:
            self.send_header("content-length", length)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def _reset(self) -> None:
        """End the connection as a crash does: with RST, nothing said."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        os.close(self.connection.detach())

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: Upstream, injector: Injector, tls: TlsFiles) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream, self.injector = upstream, injector
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(tls.certificate, tls.key)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError), self._tls.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def shutdown_request(self, request: Any) -> None:
        with suppress(OSError):
            super().shutdown_request(request)


@contextmanager
def faulty(upstream: Upstream, injector: Injector, tls: TlsFiles) -> Iterator[str]:
    """The proxy's URL, until the block ends."""
    server = _Proxy(upstream, injector, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
