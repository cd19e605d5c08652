"""A server on loopback that answers AWS's JSON protocol by a script: what it is told to, or a reset connection."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Answer:
    """An answer with its request id; without a status, the connection is reset instead."""

    status: int | None = 200
    body: dict[str, Any] | None = None
    request_id: str = ""


@contextmanager
def scripted(script: Callable[[int, str], Answer]) -> Iterator[str]:
    """The server's URL, until the block ends; ``script`` is given the request's number, from 0, and its target."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = script(next(numbers), self.headers.get("X-Amz-Target", ""))
            if answer.status is None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.close_connection = True
                self.connection.close()
                return
            body = json.dumps(answer.body or {}).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amzn-RequestId", answer.request_id)
            self.end_headers()
            self.wfile.write(body)

        def finish(self) -> None:
            if self.connection.fileno() >= 0:
                super().finish()

        def log_message(self, *_: Any) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
