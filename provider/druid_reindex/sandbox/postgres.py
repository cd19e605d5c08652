"""One PostgreSQL server, with a database and a role each for Airflow, Druid and the Redshift stand-in.

It is real PostgreSQL with durability switched off (`fsync=off`): a sandbox that loses power starts anew. It speaks TLS
alone: a client that asks for a connection in clear text is refused before it says who it is, and clients check the
server's certificate and name.
Source: https://www.postgresql.org/docs/18/ssl-tcp.html, https://www.postgresql.org/docs/18/auth-pg-hba-conf.html
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.addresses import LOOPBACK
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.home import SandboxHome, replace
from druid_reindex.sandbox.pki import server_certificate
from druid_reindex.sandbox.processes import SandboxStartError, ServiceSpec

SUPERUSER = "postgres"
DATABASES = ("airflow", "druid", "redshift")
NOBODY_ID = 65534
CERTIFICATE = "postgres"
TLS_MODE = "verify-full"
_CLIENTS = f"hostssl all all {LOOPBACK}/32 scram-sha-256\n"
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
    "ssl": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

log = logging.getLogger(__name__)


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
        """The JDBC address, without credentials; the JVM's trust store says whose certificates it takes.

        Source: https://jdbc.postgresql.org/documentation/ssl/
        """
        trusting = "sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory"
        return f"jdbc:postgresql://{LOOPBACK}:{self.port}/{self.name}?sslmode={TLS_MODE}&{trusting}"

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
            sslmode=TLS_MODE,
            sslrootcert=str(self.home.ca_file),
        )
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()


def database(home: SandboxHome, port: int, name: str) -> Database:
    """Return how the role `name` reaches the database `name`."""
    return Database(name=name, user=name, port=port, home=home)


def client_environment(home: SandboxHome) -> dict[str, str]:
    """Return what makes every PostgreSQL client of a process, asynchronous ones included, check the server.

    Source: https://www.postgresql.org/docs/18/libpq-envars.html
    """
    return {"PGSSLMODE": TLS_MODE, "PGSSLROOTCERT": str(home.ca_file)}


def postgres_service(home: SandboxHome, port: int, report: Report = log.info) -> ServiceSpec:
    """Return the server's process; its data directory is made when there is none.

    Raises SandboxStartError, and MavenError where PostgreSQL cannot be had.
    """
    binaries, data = distributions.postgres(home, report) / "bin", home.data("postgres")
    if not (data / "PG_VERSION").exists():
        _make_cluster(home, data, binaries / "initdb")
    chosen = SETTINGS | _tls_files(home)
    settings = [argument for name, value in chosen.items() for argument in ("-c", f"{name}={value}")]
    return ServiceSpec(
        name="postgres",
        argv=_unprivileged((str(binaries / "postgres"), "-D", str(data), "-p", str(port), *settings)),
        env=_environment(),
        cwd=data,
        log=home.logs() / "postgres.log",
        ready=_probe(Database(SUPERUSER, SUPERUSER, port, home)),
        ready_seconds=60.0,
        stop_signal=signal.SIGINT,
    )


def _tls_files(home: SandboxHome) -> dict[str, str]:
    """Return the settings that name a new certificate, and who may connect at all."""
    made, clients = server_certificate(home, CERTIFICATE), home.conf("postgres") / "pg_hba.conf"
    replace(clients, _CLIENTS)
    return {"ssl_cert_file": str(made.certificate), "ssl_key_file": str(made.key), "hba_file": str(clients)}


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


def _make_cluster(home: SandboxHome, data: Path, program: Path) -> None:
    shutil.rmtree(data)
    home.data("postgres")
    password_file = home.conf("postgres") / "initdb-password"
    password_file.touch(mode=0o600)
    password_file.write_text(Database(SUPERUSER, SUPERUSER, 0, home).password, encoding="utf-8")
    if os.geteuid() == 0:
        os.chown(data, NOBODY_ID, NOBODY_ID)
    try:
        _initdb(program, data, password_file)
    finally:
        password_file.unlink()


def _initdb(program: Path, data: Path, password_file: Path) -> None:
    options = ("-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C")
    command = _unprivileged((str(program), "-D", str(data), *options, "--no-sync"))
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

    It keeps root's power to read paths, also where it asks beforehand (`access`), so that a home or a cache below a
    private directory works without changing its mode.
    Source: https://man7.org/linux/man-pages/man1/setpriv.1.html
    """
    if os.geteuid() != 0:
        return argv
    powers = "+dac_override,+dac_read_search"
    identity = (f"--reuid={NOBODY_ID}", f"--regid={NOBODY_ID}", "--clear-groups")
    kept = (f"--inh-caps={powers}", f"--ambient-caps={powers}", "--securebits=+no_setuid_fixup")
    return ("setpriv", *identity, *kept, *argv)


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
