"""A server that answers only once the event loop of whoever asks has gone on: a blocking client gets no answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

T = TypeVar("T")
TICKS = 10
GIVE_UP_SECONDS = 10.0


@dataclass
class Gate:
    """Where the server is, and how often it has been asked; ``answer`` gives the body for path and target."""

    answer: Callable[[str, str], bytes]
    url: str = ""
    asked: int = 0
    ticked: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        gate: Gate = self.server.gate  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("content-length", 0)))
        gate.asked += 1
        went_on = gate.ticked.wait(GIVE_UP_SECONDS)
        gate.ticked.clear()
        body = gate.answer(self.path, self.headers.get("x-amz-target", "")) if went_on else b"{}"
        self.send_response(200 if went_on else 503)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def gated(answer: Callable[[str, str], bytes]) -> Iterator[Gate]:
    """The server, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    gate = Gate(answer, f"http://127.0.0.1:{server.server_port}")
    server.gate = gate  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield gate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def while_the_loop_goes_on(gate: Gate, work: Callable[[], Awaitable[T]]) -> T:
    """What ``work`` returns, in a loop that lets the server answer after each ten of its own turns."""

    async def tick() -> None:
        while True:
            before = gate.asked
            for _ in range(TICKS):
                await asyncio.sleep(0.001)
            if gate.asked and gate.asked == before:
                gate.ticked.set()

    async def both() -> T:
        ticking = asyncio.create_task(tick())
        try:
            return await work()
        finally:
            ticking.cancel()

    return asyncio.run(both())
