"""Tables of a snapshot's rows in the emulated Redshift, and what one move of them takes in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import airflow_home  # noqa: F401 - first
from moves import COLUMNS

from druid_reindex.sandbox import postgres
from redshift_account import MASTER, Warehouse
from warehouse_night import USER, night_on

MOVES = Path(__file__).with_name("moves.py")
TYPES = ("varchar(64)", "date", "varchar(32)", "bigint", "double precision")
DEFINED = ", ".join(f"{name} {kind}" for name, kind in zip(COLUMNS, TYPES, strict=True))
ROWS = (
    "SELECT md5((n % 100000)::text), DATE '2026-01-01' + n % 35, 'kind ' || n % 5, n % 100, n / 8.0 "
    "FROM generate_series(1, {rows}) AS n"
)


def make_tables(account: Warehouse, rows: int) -> tuple[str, str]:
    """A table of that many rows, made behind the account's back, and an empty one that the nights' user owns."""
    with night_on(account):
        pass
    source, copy = f"clinic.snapshot_{rows}", f"clinic.copy_{rows}"
    account.run("CREATE SCHEMA IF NOT EXISTS clinic", DbUser=MASTER)
    for table in (source, copy):
        account.run(f"CREATE TABLE {table} ({DEFINED})", DbUser=MASTER)
    owner = postgres.Database("redshift", postgres.SUPERUSER, account.port, account.home)
    with owner.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SET search_path = clinic; INSERT INTO {source} {ROWS.format(rows=rows)}")
        cursor.execute(f'DO $$ BEGIN CREATE ROLE "{USER}" LOGIN; EXCEPTION WHEN duplicate_object THEN END $$')
    account.run(f'GRANT USAGE, CREATE ON SCHEMA clinic TO "{USER}"', DbUser=MASTER)
    account.run(f'GRANT SELECT ON {source} TO "{USER}"', DbUser=MASTER)
    account.run(f'ALTER TABLE {copy} OWNER TO "{USER}"', DbUser=MASTER)
    return source, copy


def command(account: Warehouse, source: str, copy: str) -> list[str]:
    """What moves the rows of ``source`` into ``copy``."""
    return [sys.executable, str(MOVES), str(account.home.root), str(account.port), source, copy]


def told(output: str) -> dict[str, Any]:
    """What a process of moves says at its end."""
    return dict(json.loads(output.strip().splitlines()[-1]))


@contextmanager
def process(argv: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The process, which does not outlive the block."""
    started = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
            started.wait()
