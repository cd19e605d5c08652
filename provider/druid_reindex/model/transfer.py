"""What a night moves between databases and S3: the rows of a query out, a table's rows in.

Files only: where Redshift or another database is, and which role, key and secret are used, are the boundary's.
Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from druid_reindex.model.database import JdbcSource
from druid_reindex.model.frozen import Frozen

_NAME = r"^[a-z][a-z0-9_]{0,39}$"
# Redshift folds names to lower case, and takes 127 bytes; the ledger and the staging table add to a table's name.
_IDENTIFIER = r"[a-z_][a-z0-9_]{0,62}"
Column = Annotated[str, Field(pattern=rf"^{_IDENTIFIER}$")]


class FileFormat(StrEnum):
    """How rows stand in a file."""

    PARQUET = "parquet"
    JSON = "json"
    CSV = "csv"


class Compression(StrEnum):
    """How a file of text is compressed; Hadoop can split bzip2, not gzip. Parquet compresses by itself."""

    NONE = "none"
    GZIP = "gzip"
    BZIP2 = "bzip2"


class LoadMode(StrEnum):
    """What a load does to the rows that are there: all go, or those whose keys come again."""

    SWAP = "swap"
    MERGE = "merge"


_FORMAT = "parquet, json or csv"
_COMPRESSION = "none, gzip or bzip2; bzip2 is what a Hadoop job splits"


class Token(Frozen):
    """An identifier in an unload's files that a token takes the place of, before anything else reads them."""

    column: Column = Field(description="the identifier's column in the files")
    kind: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="a word such as patient; equal identifiers of one kind have equal tokens",
    )
    name: str = Field(min_length=1, description="the token's column, one of the dimensions")


class TokenKey(Frozen):
    """The key that tokens are made with: a secret that the clusters' role alone reads, in one version of it."""

    secret_id: str = Field(
        pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$",
        description="the Secrets Manager secret of the key, such as druid-reindex/tokens/phi/patients",
    )
    version_id: str = Field(
        pattern=r"^[A-Za-z0-9-]{32,64}$",
        description="the secret's version that the tokens in the datasource were made with; another one wants "
        "re-ingestion",
    )


class Unload(Frozen):
    """The rows of a query as files under the run's own prefix, once for each run: of Redshift, or as ``jdbc`` says."""

    name: str = Field(pattern=_NAME, description="a word in small letters; the files lie under it")
    sql: str | None = Field(
        None,
        pattern=r"^unload/[a-z0-9_]+\.sql$",
        description="a file of sql/ with one SELECT, such as unload/claims.sql; or, of a database, jdbc.table",
    )
    jdbc: JdbcSource | None = Field(
        None, description="database, table or sql, split_column: a database outside AWS; left out, Redshift"
    )
    format: FileFormat = Field(FileFormat.PARQUET, description=_FORMAT)
    compression: Compression = Field(Compression.NONE, description=_COMPRESSION)
    max_file_size_mb: int = Field(
        256, ge=5, le=6_200, strict=True, description="megabytes, 5 to 6200, after which Redshift begins another file"
    )
    tokens: tuple[Token, ...] = Field(
        (), description="the identifiers that a step replaces by tokens before the rebuild: `- column:`, kind, name"
    )


class Load(Frozen):
    """Files that a manifest lists, as rows of a table; the files' columns are ``columns``, CSV's in this order."""

    name: str = Field(pattern=_NAME, description="a word in small letters")
    table: str = Field(
        pattern=rf"^{_IDENTIFIER}\.{_IDENTIFIER}$", description="schema.table in small letters, such as clinic.snapshot"
    )
    columns: tuple[Column, ...] = Field(min_length=1, description="a list of the table's columns that are loaded")
    mode: LoadMode = Field(description="swap replaces every row; merge those whose keys are loaded again")
    keys: tuple[Column, ...] = Field((), description="of a merge: a list of columns, such as the day")
    unload: str | None = Field(
        None, pattern=_NAME, description="the unload whose files are loaded; left out, what the night exports"
    )
    sources: Mapping[Column, str] = Field(
        {}, description="of an export: the datasource's column by the table's, where it has another name: {day: __time}"
    )
    sql: str | None = Field(
        None,
        pattern=r"^load/[a-z0-9_]+\.sql$",
        description="a file of sql/ that defines the table and its views, such as load/snapshot.sql; or null",
    )
    format: FileFormat = Field(FileFormat.PARQUET, description=_FORMAT)
    compression: Compression = Field(Compression.NONE, description=_COMPRESSION)

    def source(self, column: str) -> str:
        """The datasource's column that an export writes as ``column``."""
        return self.sources.get(column, column)
