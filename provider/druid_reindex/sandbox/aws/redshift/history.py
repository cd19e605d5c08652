"""Keeps what loads and unloads did, outside of their transactions, and how tables are laid out: the views tell it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extensions import cursor

from druid_reindex.sandbox.aws.redshift.allowed import CATALOGUE
from druid_reindex.sandbox.aws.redshift.definitions import Physical
from druid_reindex.sandbox.aws.redshift.engine import Engine, kept
from druid_reindex.sandbox.aws.redshift.model import Statement, now
from druid_reindex.sandbox.aws.redshift.moving import Compression, Copy, Unload, identifier
from druid_reindex.sandbox.aws.redshift.refusals import Wrong


@dataclass(frozen=True)
class Move:
    """One UNLOAD or COPY that succeeded."""

    user: str
    query: int
    statement: Statement
    started: datetime


def keep_unload(engine: Engine, move: Move, asked: Unload, files: Sequence[tuple[str, int, int]]) -> None:
    """Keep one row for each file; one without a file where nothing was unloaded."""
    packed = {Compression.NONE: "NONE", Compression.GZIP: "GZIP", Compression.BZIP2: "BZIP2"}[asked.compression]
    rows = [
        (kept(move.user), move.query, move.statement.pid, _moment(move.started), _moment(now()), asked.uri,
         str(asked.format), packed, uri, count, size)
        for uri, count, size in files or [("", 0, 0)]
    ]  # fmt: skip
    _insert(engine, "unloads", rows)


def keep_load(engine: Engine, move: Move, asked: Copy, files: Sequence[tuple[str, int, int, int]]) -> None:
    """Keep one row for each file."""
    rows = [
        (kept(move.user), move.query, move.statement.pid, asked.table[-1], _moment(move.started), _moment(now()),
         asked.uri, str(asked.format), uri, count, size, errors)
        for uri, count, size, errors in files
    ]  # fmt: skip
    _insert(engine, "loads", rows)


def keep_errors(engine: Engine, user: str, query: int, statement: Statement, errors: Sequence[Wrong]) -> None:
    """Keep what a COPY did not take."""
    rows = [
        (kept(user), query, statement.pid, 0, _moment(now()), each.file, each.line, each.column, each.type, each.code,
         each.reason, each.value)
        for each in errors
    ]  # fmt: skip
    _insert(engine, "load_errors", rows)


def keep_layout(session: cursor, table: tuple[str, ...], physical: Physical) -> None:
    """Keep what CREATE TABLE said of distribution, sorting and encoding, with the table's transaction."""
    name = ".".join(identifier(part) for part in table)
    values = (name, physical.dist_style, physical.dist_key, list(physical.sort_keys), json.dumps(physical.encodings))
    session.execute(f"SELECT {CATALOGUE}.record_layout(to_regclass(%s), %s, %s, %s::text[], %s::jsonb)", values)


def _insert(engine: Engine, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    with engine.owner() as owner, owner.cursor() as session:
        for row in rows:
            marks = ", ".join(["%s"] * len(row))
            session.execute(f"INSERT INTO {CATALOGUE}.{table} VALUES ({marks})", row)  # noqa: S608 - names of ours


def _moment(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
