"""A threaded HTTP/1.1 server under TLS whose handshakes never hold up other clients."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HANDSHAKE_SECONDS = 10
IDLE_SECONDS = 300

log = logging.getLogger(__name__)


class RequestHandler(MotoRequestHandler):
    """Speaks HTTP/1.1, so that clients may send `Expect: 100-continue` and chunked bodies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def handle_expect_100(self) -> bool:
        """Leave the interim answer to werkzeug, which sends it when it starts to read."""
        return True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log method, path without its query (which may hold a signature), and status."""
        del size
        log.debug("%s %s %s", self.command, self.path.partition("?")[0], code)


class TlsServer(ThreadedWSGIServer):
    """Serves `app`; each connection makes its TLS handshake in its own thread. `after` is called at its end."""

    daemon_threads = True

    def __init__(self, host: str, port: int, app: WSGIApplication, certificate: Path, key: Path) -> None:
        super().__init__(host, port, app, handler=RequestHandler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        self.ssl_context = context
        self.after: list[Callable[[], None]] = []

    def shutdown(self) -> None:
        """Serve nothing more, and end what was to end after that."""
        super().shutdown()
        for end in self.after:
            end()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection; a client that gives up during the handshake is not an error of ours."""
        assert self.ssl_context is not None
        request.settimeout(HANDSHAKE_SECONDS)
        try:
            with self.ssl_context.wrap_socket(request, server_side=True) as connection:
                super().finish_request(connection, client_address)
        except (ssl.SSLError, TimeoutError, ConnectionError) as error:
            log.debug("connection of %s ended: %s", client_address, error)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection; its socket is detached already when TLS was set up."""
        if isinstance(request, socket.socket) and request.fileno() != -1:
            super().shutdown_request(request)
