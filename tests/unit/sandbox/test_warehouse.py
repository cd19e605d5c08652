"""Tests of what Redshift holds before the first night, on a PostgreSQL of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from druid_reindex.sandbox import warehouse
from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.billing import Table
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.state import Endpoints
from druid_reindex.sandbox.synthea import Histories
from redshift_account import engine

CLAIMS = Table(
    "billing.claims",
    {"claim_id": "VARCHAR(36)", "day": "DATE"},
    (("c1", "2026-09-01"), ('a "quoted", one', "2026-09-02")),
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, list[str]]]:
    """The engine, filled twice, and what was told."""
    root, told = tmp_path_factory.mktemp("warehouse"), list[str]()
    home = SandboxHome(root / "home", root / "cache")
    with engine(home) as port, pytest.MonkeyPatch.context() as patch:
        patch.setattr(warehouse, "tables", lambda _: (CLAIMS,))
        endpoints, histories = Endpoints("", "", "", "", port, None), Histories(*[Path()] * 5)
        warehouse.fill(home, endpoints, histories, told.append)
        warehouse.fill(home, endpoints, histories, told.append)
        yield Engine(home, port), told


def rows(engine: Engine, user: str, statement: str) -> list[tuple[Any, ...]]:
    with engine.session(user) as session, session, session.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_it_is_filled_once(filled: tuple[Engine, list[str]]) -> None:
    assert filled[1] == ["redshift: 2 rows in billing.claims"]
    found = rows(filled[0], warehouse.NIGHTS, "SELECT claim_id, CAST(day AS VARCHAR) FROM billing.claims ORDER BY day")
    assert found == list(CLAIMS.rows)


def test_nights_may_read_the_hospitals_tables_and_make_their_own_elsewhere(filled: tuple[Engine, list[str]]) -> None:
    rows(filled[0], warehouse.NIGHTS, "CREATE TABLE clinic.snapshot (day DATE)")
    for refused in ("DELETE FROM billing.claims", "CREATE TABLE billing.more (day DATE)", "CREATE SCHEMA more"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(filled[0], warehouse.NIGHTS, refused)


def test_others_read_nothing(filled: tuple[Engine, list[str]]) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(filled[0], "IAM:analyst", "SELECT * FROM billing.claims")
