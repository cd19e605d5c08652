"""What the step is told that unloads a database (``emr_configs/bootstrap/unload_jdbc.sh``): never the login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.database import Database, JdbcSource
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.sql import bind, first_word

PROTOCOL = 1
SCRIPT = "bootstrap/unload_jdbc.sh"
PROGRAM = "bootstrap/UnloadJdbc.java"


@dataclass(frozen=True, slots=True)
class Source:
    """Which rows of which database, the CA that signs its certificate (PEM), and the program that reads it."""

    jdbc: JdbcSource
    database: Database
    ca: str
    program: bytes

    def files(self, boundaries: Boundaries) -> dict[str, Any]:
        """What a node fetches from the artifacts, each by its digest."""
        artifacts = S3Uri.parse(boundaries.artifacts_uri)
        jars = [{"url": str(artifacts / jar.path), "sha256": jar.sha256} for jar in self.database.jars]
        return {"program": {"url": str(artifacts / PROGRAM), "sha256": digest(self.program)}, "jars": jars}


def rows_of(unload: Unload, jdbc: JdbcSource, sql: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """What is read: a table's columns, or the one SELECT in ``sql`` with its parameters in it.

    Raises ConfigurationError for anything but one SELECT.
    """
    if jdbc.table is not None:
        return {"table": jdbc.table, "columns": list(jdbc.columns)}
    queries = bind(sql, parameters)
    if len(queries) != 1 or first_word(queries[0]) not in {"SELECT", "WITH"}:
        raise ConfigurationError(
            "write a statement",
            resource=str(unload.sql),
            came_back=f"{len(queries)} statements, or no SELECT",
            remedy="keep one SELECT in the file",
        )
    return {"query": queries[0]}


def unload_spec(
    unload: Unload,
    rows: Mapping[str, Any],
    source: Source,
    boundaries: Boundaries,
    boundary: Boundary,
    folder: S3Uri,
) -> dict[str, Any]:
    """The step's spec: the ``rows`` of ``source`` as files below ``folder``, under the boundary's key."""
    jdbc, database = source.jdbc, source.database
    return {
        "protocol": PROTOCOL,
        "database": {"host": database.host, "port": database.port, "name": database.database},
        "secret_id": database.secret_id,
        "ca": source.ca,
        **source.files(boundaries),
        "source": dict(rows),
        "split": _split(jdbc),
        "connections": jdbc.connections,
        "fetch_rows": jdbc.fetch_rows,
        "format": unload.format.value,
        "label": f"drx_unload_{unload.name}",
        "output": f"{folder}/files/",
        "kms_key_arn": boundary.kms_key_arn,
    }


def _split(jdbc: JdbcSource) -> dict[str, Any] | None:
    if jdbc.split_column is None:
        return None
    bounds = {"lower": jdbc.lower, "upper": jdbc.upper} if jdbc.lower is not None else {}
    return {"column": jdbc.split_column, "parts": jdbc.parts, **bounds}
