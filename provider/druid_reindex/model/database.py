"""A PostgreSQL database outside AWS, as a boundary names it, and what an unload takes from one.

A pipeline says which rows; where the database is, with which secret and under which CA is the boundary's.
Sources: https://jdbc.postgresql.org/documentation/ssl/ (verify-full), https://jdbc.postgresql.org/documentation/query/
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from druid_reindex.model.frozen import Frozen

_NAME = r"[A-Za-z_][A-Za-z0-9_$]{0,62}"
_MOMENT = r"^(-?\d{1,18}|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?)$"
DATABASE_NAME = r"^[a-z][a-z0-9_]{0,39}$"
SourceColumn = Annotated[str, Field(pattern=rf"^{_NAME}$")]


def _as_text(value: Any) -> Any:
    """A number or a date of YAML as it would be written in quotation marks."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Bound = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int), Field(pattern=_MOMENT)]


class Jar(Frozen):
    """A jar below the artifacts, which a step takes by its digest alone."""

    path: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\.jar$",
        description="below artifacts_uri, such as jdbc/postgresql-42.7.8.jar",
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="its SHA-256, as sha256sum prints it")


class Database(Frozen):
    """A PostgreSQL database, its login and its CA; TLS with a verified certificate is not a choice."""

    host: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$",
        description="the server by a name that its certificate has, such as ehr.clinic.internal",
    )
    port: int = Field(5432, ge=1, le=65_535, strict=True, description="1 to 65535")
    database: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,63}$", description="the database's name")
    secret_id: str = Field(
        pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$",
        description="the Secrets Manager secret with username and password, such as druid-reindex/databases/phi/ehr, "
        "which the clusters' role may read",
    )
    ca_file: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\.pem$",
        description="the PEM file of the CA that signs the server's certificate, below emr_configs",
    )
    jars: tuple[Jar, ...] = Field(
        min_length=1,
        description="a list of {path, sha256}: the JDBC driver; where nodes have no JDK, Eclipse's ecj too",
    )

    def __str__(self) -> str:
        return f"database {self.database} of {self.host}:{self.port}"


class JdbcSource(Frozen):
    """Which rows a step of the cluster reads from a database of the boundary, and in how many parts."""

    database: str = Field(pattern=DATABASE_NAME, description="one of the boundary's databases, by its name there")
    table: str | None = Field(
        None, pattern=rf"^{_NAME}\.{_NAME}$", description="schema.table, as it is spelt there; or the unload's sql"
    )
    columns: tuple[SourceColumn, ...] = Field((), description="of a table: a list of the columns that are read")
    split_column: SourceColumn | None = Field(
        None, description="a column of whole numbers, dates or timestamps, best an indexed one; left out, one part"
    )
    parts: int = Field(
        4, ge=1, le=200, strict=True, description="1 to 200: into how many ranges of split_column the rows are parted"
    )
    lower: Bound | None = Field(
        None, description="where the ranges begin; left out, at the least value. Rows below it are read too"
    )
    upper: Bound | None = Field(
        None, description="where the ranges end; left out, at the greatest value. Rows above it are read too"
    )
    connections: int = Field(
        2, ge=1, le=32, strict=True, description="1 to 32: how many parts are read at a time, beside one connection"
    )
    fetch_rows: int = Field(
        1_000, ge=1, le=100_000, strict=True, description="1 to 100000: rows that a connection holds in memory"
    )
