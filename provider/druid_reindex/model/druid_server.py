"""What a look at Druid's servers finds, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DruidServer:
    """One row of ``sys.servers``; a port that is not open is -1.

    Source: https://druid.apache.org/docs/25.0.0/querying/sql-metadata-tables.html#servers-table
    """

    name: str
    kind: str
    plaintext_port: int
    tls_port: int


@dataclass(frozen=True, slots=True)
class Handshake:
    """A TLS handshake with one server: its version and its certificate's end (UTC), or why it does not verify."""

    version: str = ""
    not_after: datetime | None = None
    problem: str = ""
