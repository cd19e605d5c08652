"""The threaded TLS server."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.sandbox import pki
from druid_reindex.sandbox.addresses import free_port
from druid_reindex.sandbox.aws.tls import TlsServer
from druid_reindex.sandbox.home import SandboxHome


def echo(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "home", tmp_path / "cache")


@pytest.fixture
def port(home: SandboxHome) -> Iterator[int]:
    certificate = pki.server_certificate(home, "test")
    chosen = free_port()
    server = TlsServer("127.0.0.1", chosen, echo, certificate.certificate, certificate.key)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield chosen
    server.shutdown()
    server.server_close()


def put(home: SandboxHome, port: int, body: bytes) -> bytes:
    context = ssl.create_default_context(cafile=str(home.ca_file))
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("PUT", "/", body, {"Expect": "100-continue"})
        return connection.getresponse().read()
    finally:
        connection.close()


def test_bodies_come_back_over_tls(home: SandboxHome, port: int) -> None:
    assert put(home, port, bytes(3_000_000)) == bytes(3_000_000)


def test_a_client_that_never_shakes_hands_holds_nobody_up(home: SandboxHome, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)) as rude:
        rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert put(home, port, b"body") == b"body"


def test_what_is_to_end_with_the_server_ends(home: SandboxHome) -> None:
    certificate = pki.server_certificate(home, "test")
    server = TlsServer("127.0.0.1", free_port(), echo, certificate.certificate, certificate.key)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    ended: list[bool] = []
    server.after.append(lambda: ended.append(True))
    server.shutdown()
    server.server_close()
    assert ended == [True]
