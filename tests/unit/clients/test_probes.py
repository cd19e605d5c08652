"""Names and certificates, against a real TLS server on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from druid_reindex.clients import probes
from druid_reindex.errors import ConfigurationError, NoAnswerError, NotFoundError
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.addresses import free_port
from druid_reindex.sandbox.home import SandboxHome

SECONDS = 5.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> SandboxHome:
    made = SandboxHome(tmp_path_factory.mktemp("pki") / "home", tmp_path_factory.mktemp("cache"))
    pki.ensure_ca(made)
    return made


@pytest.fixture(scope="module")
def port(home: SandboxHome) -> Iterator[int]:
    """A server of 127.0.0.1 with a certificate of the sandbox's CA."""
    context = server_context(home)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener, context), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(SECONDS)


def server_context(home: SandboxHome) -> ssl.SSLContext:
    """Presents a certificate of 127.0.0.1 and localhost, and of no other name."""
    made = pki.server_certificate(home, "probed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


def accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                continue


def test_loopback_resolves() -> None:
    assert "127.0.0.1" in probes.resolve("localhost", 80)


@pytest.mark.parametrize(("code", "kind"), [(socket.EAI_NONAME, NotFoundError), (socket.EAI_AGAIN, NoAnswerError)])
def test_an_unknown_name_is_told_from_a_resolver_that_cannot_say(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "told")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(kind, match=r"druid\.example: told"):
        probes.resolve("druid.example", 443)


def test_a_certificate_of_the_named_ca_verifies(home: SandboxHome, port: int) -> None:
    found = probes.handshake("127.0.0.1", port, ca_file=home.ca_file, seconds=SECONDS)
    assert found.version == "TLSv1.3"
    assert found.not_after is not None
    assert found.not_after > datetime.now(UTC)


def test_a_certificate_of_another_ca_or_name_is_wrong(home: SandboxHome, port: int) -> None:
    with pytest.raises(ConfigurationError, match="verify"):
        probes.handshake("127.0.0.1", port, ca_file=None, seconds=SECONDS)
    with pytest.raises(ConfigurationError, match="verify"):
        probes.handshake("127.0.0.2", port_of_all(home), ca_file=home.ca_file, seconds=SECONDS)


def port_of_all(home: SandboxHome) -> int:
    """A server on 127.0.0.2 whose certificate does not name it; it serves one connection."""
    listener = socket.create_server(("127.0.0.2", 0))

    def once() -> None:
        with listener:
            accept_one(listener, server_context(home))

    threading.Thread(target=once, daemon=True).start()
    return int(listener.getsockname()[1])


def accept_one(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with connection, pytest.raises(OSError):  # noqa: PT011
        context.wrap_socket(connection, server_side=True).close()


def test_no_server_is_no_answer(home: SandboxHome) -> None:
    with pytest.raises(NoAnswerError, match="open a TLS connection"):
        probes.handshake("127.0.0.1", free_port(), ca_file=home.ca_file, seconds=SECONDS)


def test_a_bundle_that_is_none_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DRUID_CA_FILE"):
        probes.handshake("127.0.0.1", 1, ca_file=tmp_path / "absent.pem", seconds=SECONDS)
