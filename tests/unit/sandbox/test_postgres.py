"""PostgreSQL for real: it starts in a second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from druid_reindex.sandbox import pki, postgres
from druid_reindex.sandbox.addresses import free_port
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import OwnedProcess


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> SandboxHome:
    root = tmp_path_factory.mktemp("postgres")
    return SandboxHome(root / "root", SandboxHome.from_environment().cache)


@pytest.fixture(scope="module")
def port(home: SandboxHome) -> Iterator[int]:
    chosen = free_port()
    process = OwnedProcess.start(postgres.postgres_service(home, chosen))
    try:
        process.wait_ready()
        postgres.make_databases(home, chosen, ())
        yield chosen
    finally:
        assert process.stop() == 0


def ask(database: postgres.Database, statement: str) -> list[tuple[object, ...]]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("name", postgres.DATABASES)
def test_each_role_owns_its_database(home: SandboxHome, port: int, name: str) -> None:
    database = postgres.database(home, port, name)
    assert ask(database, "SELECT current_user, current_database()") == [(name, name)]
    ask(database, "CREATE TABLE IF NOT EXISTS mine (id int)")


def test_a_role_needs_its_own_password(home: SandboxHome, port: int) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(
            host="127.0.0.1", port=port, user="druid", dbname="druid", password=home.secret("postgres_airflow_password")
        )


def test_it_is_reached_over_loopback_alone(home: SandboxHome, port: int) -> None:
    superuser = postgres.Database("postgres", "postgres", port, home)
    assert ask(superuser, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert ask(superuser, "SHOW unix_socket_directories") == [("",)]
    assert ask(superuser, "SHOW server_version")[0][0] >= "18"  # type: ignore[operator]


def test_a_renewed_database_is_empty_and_the_others_stay(home: SandboxHome, port: int) -> None:
    for name in ("airflow", "druid"):
        ask(postgres.database(home, port, name), "CREATE TABLE kept (id int)")
    postgres.make_databases(home, port, ("druid",))
    assert ask(postgres.database(home, port, "airflow"), "SELECT to_regclass('kept')") == [("kept",)]
    assert ask(postgres.database(home, port, "druid"), "SELECT to_regclass('kept')") == [(None,)]


def test_the_password_shows_in_no_representation(home: SandboxHome, port: int) -> None:
    database = postgres.database(home, port, "druid")
    assert database.password not in repr(database)
    assert database.password not in database.jdbc_url
    assert database.password in database.sqlalchemy_url


def test_a_client_without_tls_is_refused_before_it_says_who_it_is(home: SandboxHome, port: int) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r"no pg_hba.conf entry .* no encryption"):
        psycopg2.connect(
            host="127.0.0.1", port=port, user="druid", dbname="druid", sslmode="disable",
            password=postgres.database(home, port, "druid").password,
        )  # fmt: skip


def test_what_a_client_says_is_encrypted(home: SandboxHome, port: int) -> None:
    superuser = postgres.Database("postgres", "postgres", port, home)
    version = "SELECT version FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()"
    assert ask(superuser, version) == [("TLSv1.3",)]


def test_a_client_checks_who_signed_for_the_server(home: SandboxHome, port: int, tmp_path: Path) -> None:
    stranger = SandboxHome(tmp_path / "root", home.cache)
    home_of_another_ca = postgres.Database("postgres", "postgres", port, stranger)
    pki.ensure_ca(stranger)
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"), home_of_another_ca.connect():
        pass
    assert postgres.client_environment(home) == {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(home.ca_file)}
    assert "sslmode=verify-full" in home_of_another_ca.jdbc_url


@pytest.mark.parametrize(("user", "program"), [(0, "setpriv"), (1000, "postgres")])
def test_root_steps_down(
    home: SandboxHome, port: int, monkeypatch: pytest.MonkeyPatch, user: int, program: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert Path(postgres.postgres_service(home, port).argv[0]).name == program
