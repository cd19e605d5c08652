"""Looks at a server before anything is asked of it: does its name resolve, and does its certificate verify."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from druid_reindex.errors import ConfigurationError, NoAnswerError, NotFoundError
from druid_reindex.model.druid_server import Handshake

# What says that there is no such name; everything else of a resolver means that it could not tell.
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def resolve(host: str, port: int) -> tuple[str, ...]:
    """The addresses of ``host``. Raises NotFoundError for an unknown name, NoAnswerError when the resolver fails."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        kind = NotFoundError if error.errno in _NO_SUCH_NAME else NoAnswerError
        raise kind(
            "resolve a name",
            resource=host,
            came_back=error.strerror or str(error),
            remedy="correct the URL, or let this machine's resolver know the name (private zone, VPN)",
        ) from error
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


def handshake(host: str, port: int, *, ca_file: Path | None, seconds: float) -> Handshake:
    """What was agreed with a server whose certificate and host name verify, TLS 1.2 or newer.

    Raises ConfigurationError when they do not verify, NoAnswerError when no answer came.
    """
    context = _context(ca_file)
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            return Handshake(str(secured.version()), _end(secured.getpeercert()))
    except ssl.SSLCertVerificationError as error:
        remedy = "name the CA's PEM bundle in DRUID_CA_FILE, and a URL that the certificate names"
        raise _refused(host, port, error.verify_message, remedy) from error
    except ssl.SSLError as error:
        raise _refused(
            host, port, str(error.reason or error), "use a port that speaks TLS 1.2 or newer, or an http URL"
        ) from error
    except OSError as error:
        raise NoAnswerError(
            "open a TLS connection",
            resource=f"{host}:{port}",
            came_back=f"{type(error).__name__}: {error.strerror or error}",
            remedy="check that the server runs and that firewalls and security groups let this machine reach it",
        ) from error


def _end(certificate: Mapping[str, Any] | None) -> datetime | None:
    told = (certificate or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC) if told else None


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "read the CA bundle",
            resource=str(ca_file),
            came_back=type(error).__name__,
            remedy="name a readable PEM file with the CA's certificates in DRUID_CA_FILE",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _refused(host: str, port: int, came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError("verify TLS", resource=f"{host}:{port}", came_back=came_back, remedy=remedy)
