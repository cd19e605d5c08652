"""PostgreSQL as one Redshift cluster's engine: a session for each statement, as the database user that runs it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, in the name of its kind
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in the name of its kind

from druid_reindex.sandbox.addresses import LOOPBACK
from druid_reindex.sandbox.aws.redshift import catalogue
from druid_reindex.sandbox.aws.redshift.allowed import CATALOGUE
from druid_reindex.sandbox.aws.redshift.refusals import error
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.postgres import SUPERUSER, Database

DATABASE = "redshift"
# The longest name that PostgreSQL keeps; Redshift's is 127 bytes.
NAME_BYTES = 63
CONNECT_SECONDS = 10
# Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html (a query's longest duration)
STATEMENT_SECONDS = 24 * 3600
WITHOUT = "the sandbox runs without the PostgreSQL that takes Redshift's place: start it by `druid-reindex sandbox up`"


class EngineUnavailable(Exception):
    """There is no PostgreSQL, or it does not answer."""


class Engine:
    """One PostgreSQL; the catalogue is made at the first session."""

    def __init__(self, home: SandboxHome, port: int | None) -> None:
        """`port` is None where the sandbox has no PostgreSQL: each session is then refused, and says so."""
        self._home = home
        self._port = port
        self._lock = threading.Lock()
        self._is_ready = False

    @contextlib.contextmanager
    def session(self, user: str, *, is_superuser: bool = False) -> Iterator[Connection]:
        """Yield a session of the user, who is made where there is none; what is not committed is rolled back.

        Transactions see one state of the database, as Redshift's do by default. Raises EngineUnavailable.
        Source: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
        """
        self._prepare()
        name = kept(user)
        with self.owner() as owner, owner.cursor() as cursor:
            _make_user(cursor, name, is_superuser=is_superuser)
        connection = self._connect()
        try:
            connection.set_session(isolation_level="REPEATABLE READ")
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(name)))
                cursor.execute(f'SET search_path TO "$user", public, {CATALOGUE}')
                cursor.execute(f"SET statement_timeout TO '{STATEMENT_SECONDS}s'")
            connection.commit()
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def owner(self) -> Iterator[Connection]:
        """Yield a session of the database's owner, each statement committed by itself. Raises EngineUnavailable."""
        self._prepare()
        connection = self._connect()
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def next_query(self) -> int:
        """Return the number of a new query; numbers are not used again when the account starts anew."""
        with self.owner() as owner, owner.cursor() as cursor:
            cursor.execute(f"SELECT nextval('{CATALOGUE}.queries')")
            return int(_one(cursor)[0])

    def has_user(self, name: str) -> bool:
        """Return whether the database knows the user."""
        with self.owner() as owner, owner.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (kept(name),))
            return cursor.fetchone() is not None

    def give_password(self, user: str, password: str, seconds: int) -> None:
        """Let the user sign in by a password for so many seconds."""
        with self.owner() as owner, owner.cursor() as cursor:
            _make_user(cursor, kept(user), is_superuser=False)
            until = sql.SQL("ALTER ROLE {} LOGIN PASSWORD %s VALID UNTIL %s").format(sql.Identifier(kept(user)))
            cursor.execute("SELECT (now() + make_interval(secs => %s))::text", (seconds,))
            cursor.execute(until, (password, _one(cursor)[0]))

    def _prepare(self) -> None:
        with self._lock:
            if self._is_ready:
                return
            connection = self._connect()
            connection.autocommit = True
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute(catalogue.script())
            self._is_ready = True

    def _connect(self) -> Connection:
        if self._port is None:
            raise EngineUnavailable(error(WITHOUT))
        owner = Database(DATABASE, SUPERUSER, self._port, self._home)
        try:
            return psycopg2.connect(
                host=LOOPBACK,
                port=owner.port,
                user=owner.user,
                password=owner.password,
                dbname=owner.name,
                connect_timeout=CONNECT_SECONDS,
                application_name="redshift",
                options="-c client_connection_check_interval=1000",
            )
        except psycopg2.OperationalError as raised:
            raise EngineUnavailable(error(f"the PostgreSQL that takes Redshift's place: {raised}".strip())) from raised


def kept(user: str) -> str:
    """Return the name as PostgreSQL keeps it."""
    return user.encode()[:NAME_BYTES].decode(errors="ignore")


def set_counters(cursor: Cursor, values: Sequence[tuple[str, int | str]]) -> None:
    """Let the session's own functions, such as pg_last_copy_count(), answer with these."""
    for name, value in values:
        cursor.execute("SELECT set_config(%s, %s, false)", (f"{catalogue.SETTING}.{name}", str(value)))


def _make_user(cursor: Cursor, name: str, *, is_superuser: bool) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
    if cursor.fetchone() is None:
        kind = sql.SQL("SUPERUSER" if is_superuser else "NOSUPERUSER")
        with contextlib.suppress(psycopg2.errors.DuplicateObject):
            cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN {}").format(sql.Identifier(name), kind))


def _one(cursor: Cursor) -> tuple[Any, ...]:
    found = cursor.fetchone()
    assert found is not None
    return tuple(found)
