"""The sandbox's Redshift as a hospital has it before its first night: its own tables, and what the nights may do there.

The tables are filled behind the account's back, as they were there before it; whatever a night does with them goes
through the Data API.
"""

from __future__ import annotations

import csv
import io

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in the name of its kind

from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.aws.service import airflow_role_arn
from druid_reindex.sandbox.billing import Table, tables
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.state import Endpoints
from druid_reindex.sandbox.synthea import Histories

MASTER = "druid_reindex"
# The database user of the role that Airflow's connection of protected data takes on.
NIGHTS = f"IAMR:{airflow_role_arn('phi').rpartition('/')[2]}"
LOADED = "clinic"


def fill(home: SandboxHome, endpoints: Endpoints, histories: Histories, report: Report) -> None:
    """Bring Redshift to hold the patients' tables, all of them or none; nothing when it does already.

    The nights' user may read them, and make tables of its own in the schema `clinic`.
    """
    engine = Engine(home, endpoints.postgres_port)
    with engine.session(NIGHTS):
        pass  # a session makes its user
    with engine.session(MASTER, is_superuser=True) as session, session, session.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (LOADED,))
        if cursor.fetchone() is not None:
            return
        for table in tables(histories):
            _make(cursor, table)
            report(f"redshift: {len(table.rows)} rows in {table.name}")
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(LOADED)))
        _grant(cursor, "USAGE, CREATE ON SCHEMA {}", LOADED)


def _make(cursor: Cursor, table: Table) -> None:
    schema, _, name = table.name.partition(".")
    columns = sql.SQL(", ").join(sql.SQL(f"{{}} {kind}").format(sql.Identifier(c)) for c, kind in table.columns.items())
    place = sql.Identifier(schema, name)
    cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(place, columns))
    lines = io.StringIO()
    csv.writer(lines).writerows(table.rows)
    lines.seek(0)
    cursor.copy_expert(sql.SQL("COPY {} FROM STDIN WITH (FORMAT csv)").format(place), lines)
    _grant(cursor, "USAGE ON SCHEMA {}", schema)
    _grant(cursor, "SELECT ON {}", schema, name)


def _grant(cursor: Cursor, what: str, *place: str) -> None:
    cursor.execute(sql.SQL(f"GRANT {what} TO {{}}").format(sql.Identifier(*place), sql.Identifier(NIGHTS)))
