"""Sessions of PostgreSQL as Redshift's users."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest

from druid_reindex.sandbox.aws.redshift.engine import Engine, EngineUnavailable, kept, set_counters
from druid_reindex.sandbox.home import SandboxHome


def test_a_session_is_the_users_own_and_is_rolled_back(engine: Engine) -> None:
    with engine.session("IAMR:One") as session, session.cursor() as cursor:
        cursor.execute("SELECT current_user, session_user")
        assert cursor.fetchall() == [("IAMR:One", "IAMR:One")]
        cursor.execute("CREATE TABLE left_open (id int)")
    with engine.session("IAMR:One") as session, session.cursor() as cursor, pytest.raises(psycopg2.Error):
        cursor.execute("SELECT * FROM left_open")
    assert engine.has_user("IAMR:One")
    assert not engine.has_user("IAMR:Nobody")


def test_a_user_sees_no_others_table_and_a_superuser_all(engine: Engine) -> None:
    with engine.session("IAMR:Owner") as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE owned (id int)")
        session.commit()
    with (
        engine.session("IAMR:Other") as session,
        session.cursor() as cursor,
        pytest.raises(psycopg2.Error, match="denied"),
    ):
        cursor.execute("SELECT * FROM owned")
    with engine.session("boss", is_superuser=True) as session, session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM owned")
        assert cursor.fetchall() == [(0,)]


def test_a_transaction_sees_one_state(engine: Engine) -> None:
    with engine.session("IAMR:Seer") as session, session.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchall() == [("repeatable read",)]


def test_counters_answer_the_sessions_functions(engine: Engine) -> None:
    with engine.session("IAMR:Counter") as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_last_copy_count(), pg_last_copy_id()")
        assert cursor.fetchall() == [(0, -1)]
        set_counters(cursor, [("copy_count", 5), ("copy_id", 7)])
        cursor.execute("SELECT pg_last_copy_count(), pg_last_copy_id()")
        assert cursor.fetchall() == [(5, 7)]


def test_queries_have_new_numbers(engine: Engine) -> None:
    assert engine.next_query() < engine.next_query()


def test_without_postgresql_it_says_so(tmp_path: Path) -> None:
    home = SandboxHome(tmp_path / "home", tmp_path / "cache")
    with pytest.raises(EngineUnavailable, match="runs without the PostgreSQL"), Engine(home, None).session("x"):
        raise AssertionError("a session without an engine")
    with pytest.raises(EngineUnavailable, match="takes Redshift's place"), Engine(home, 1).owner():
        raise AssertionError("a session without an engine")


def test_names_are_as_long_as_the_engine_keeps_them() -> None:
    assert kept("IAMR:" + "x" * 64) == "IAMR:" + "x" * 58
    assert kept("ü" * 40) == "ü" * 31
