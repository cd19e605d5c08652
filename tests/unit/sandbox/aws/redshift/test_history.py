"""What the system's views tell of loads and unloads."""

from __future__ import annotations

from typing import Any

from druid_reindex.sandbox.aws.redshift import history
from druid_reindex.sandbox.aws.redshift.definitions import Physical
from druid_reindex.sandbox.aws.redshift.engine import Engine, set_counters
from druid_reindex.sandbox.aws.redshift.model import Statement, now
from druid_reindex.sandbox.aws.redshift.moving import Copy, Format, Unload
from druid_reindex.sandbox.aws.redshift.refusals import Wrong


def seen(engine: Engine, user: str, sql: str) -> list[tuple[Any, ...]]:
    with engine.session(user) as session, session.cursor() as cursor:
        set_counters(cursor, [("database", "nights")])
        cursor.execute(sql)
        return cursor.fetchall()


def test_a_user_sees_its_own_moves(engine: Engine, statement: Statement) -> None:
    query = engine.next_query()
    move = history.Move("IAMR:Mover", query, statement, now())
    history.keep_unload(engine, move, Unload(uri="s3://b/u/", format=Format.PARQUET), [("s3://b/u/0", 3, 10)])
    history.keep_load(engine, move, Copy(uri="s3://b/u/", format=Format.CSV, table=("t",)), [("s3://b/u/0", 3, 10, 1)])
    history.keep_errors(
        engine, "IAMR:Mover", query, statement, [Wrong("s3://b/u/0", 2, "id", "integer", 1207, "Invalid", "v")]
    )
    unloaded = "SELECT query_id, database_name, unloaded_rows, unloaded_files_count FROM sys_unload_history"
    assert seen(engine, "IAMR:Mover", unloaded) == [(query, "nights", 3, 1)]
    assert seen(engine, "IAMR:Mover", "SELECT loaded_rows, error_count FROM sys_load_history") == [(3, 1)]
    assert seen(engine, "IAMR:Mover", "SELECT line_number, error_code FROM sys_load_error_detail") == [(2, 1207)]
    assert seen(engine, "IAMR:Else", unloaded) == []


def test_an_unload_of_nothing_is_one_row_without_files(engine: Engine, statement: Statement) -> None:
    move = history.Move("IAMR:Empty", engine.next_query(), statement, now())
    history.keep_unload(engine, move, Unload(uri="s3://b/e/", format=Format.CSV), [])
    counted = "SELECT unloaded_rows, unloaded_files_count FROM sys_unload_history"
    assert seen(engine, "IAMR:Empty", counted) == [(0, 0)]


def test_the_layout_of_a_table(engine: Engine) -> None:
    with engine.session("IAMR:Layout") as session, session.cursor() as cursor:
        cursor.execute('CREATE TABLE laid_out (id int, "day" date)')
        history.keep_layout(cursor, ("laid_out",), Physical("KEY", "id", ("day",), {"id": "az64"}))
        set_counters(cursor, [("database", "nights")])
        cursor.execute("SELECT diststyle, sortkey1, encoded FROM svv_table_info WHERE \"table\" = 'laid_out'")
        assert cursor.fetchall() == [("KEY(id)", "day", "Y")]
        cursor.execute("SELECT encoding, distkey, sortkey FROM pg_table_def WHERE tablename = 'laid_out'")
        assert cursor.fetchall() == [("az64", True, 0), ("none", False, 1)]
