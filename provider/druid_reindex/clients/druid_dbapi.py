"""Druid's SQL as a Python database connection (PEP 249), over our own HTTP session: what pydruid's dialect speaks.

pydruid's own connection passes no CA, sets no time-out and follows the machine's proxies; its dialect, with its
compiler and types, is used as it is.
Source: https://github.com/druid-io/pydruid/blob/master/pydruid/db/sqlalchemy.py
Source: https://druid.apache.org/docs/25.0.0/querying/sql-api.html (``resultFormat`` array, ``header``)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.clients.druid_answers import json_arrays
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp
from druid_reindex.errors import DruidReindexError

ATTEMPTED = "query Druid"
# Great Expectations asks by expressions, row by row. Where a segment lacks a column, release 25 cannot work such a one
# out in vectors, and answers HTTP 500 (seen on 25.0.0: "Unable to vectorize expression").
_CONTEXT = {"vectorize": "false"}
Row = tuple[Any, ...]
Description = list[tuple[str, None, None, None, None, None, None]]


@dataclass
class DruidConnection:
    """A connection of PEP 249; nothing is written by it, so there is nothing to commit or to roll back.

    ``errors`` are those that its queries ended with, in our own tree, whatever became of them above.
    """

    http: DruidHttp
    broker_url: str
    errors: list[DruidReindexError] = field(default_factory=list)

    def cursor(self) -> DruidCursor:
        """A cursor, which asks one query after the other."""
        return DruidCursor(self)

    def select(self, sql: str) -> tuple[list[str], list[Row]]:
        """The names of the columns, and the rows, of a SELECT, which is safe to repeat."""
        body = {"query": sql, "resultFormat": "array", "header": True, "context": _CONTEXT}
        ask = Ask(ATTEMPTED, "POST", f"{self.broker_url}/druid/v2/sql", body=body)
        try:
            names, *rows = self.http.run(ask, lambda response: json_arrays(response, ask.attempted))
        except DruidReindexError as error:
            self.errors.append(error)
            raise
        return [str(name) for name in names], [tuple(row) for row in rows]

    def commit(self) -> None:
        """Nothing: Druid's SELECTs have no transaction."""

    def rollback(self) -> None:
        """Nothing: Druid's SELECTs have no transaction."""

    def close(self) -> None:
        """Nothing: the HTTP session is its owner's."""


@dataclass
class DruidCursor:
    """A cursor of PEP 249."""

    connection: DruidConnection
    description: Description | None = None
    arraysize: int = 1
    rowcount: int = -1
    _rows: Iterator[Row] = field(default_factory=lambda: iter(()))

    def execute(self, operation: str, parameters: Mapping[str, Any] | None = None) -> DruidCursor:
        """Ask ``operation``, its parameters written into it as pydruid writes them."""
        from pydruid.db.api import apply_parameters

        names, rows = self.connection.select(apply_parameters(operation, parameters))
        self.description = [(name, None, None, None, None, None, None) for name in names]
        self.rowcount, self._rows = len(rows), iter(rows)
        return self

    def fetchone(self) -> Row | None:
        """The next row; None when there is none left."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next ``size`` rows."""
        return [row for _, row in zip(range(size or self.arraysize), self._rows, strict=False)]

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        return list(self._rows)

    def close(self) -> None:
        """Forget the rows."""
        self._rows = iter(())


def engine_of(connection: DruidConnection) -> Any:
    """SQLAlchemy's engine of pydruid's dialect, whose one connection is ``connection``."""
    import pydruid.db
    from pydruid.db.sqlalchemy import DruidDialect
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415

    DruidDialect.supports_statement_cache = False  # it does not say so itself, of which SQLAlchemy would warn
    return create_engine("druid://", module=pydruid.db, creator=lambda: connection, poolclass=StaticPool)


def connect(config: DruidConfig, http: DruidHttp) -> DruidConnection:
    """A connection to the Broker that ``config`` names."""
    return DruidConnection(http, config.broker_url.rstrip("/"))
