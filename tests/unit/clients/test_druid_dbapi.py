"""Druid's SQL as a Python database connection."""

from __future__ import annotations

import httpx
import pytest

from druid_reindex.clients.druid_dbapi import connect, engine_of
from druid_reindex.clients.druid_http import DruidHttp
from druid_reindex.errors import RefusedError
from druid_server import CONFIG
from sql_broker import SqlBroker


def connected(server: SqlBroker) -> DruidHttp:
    return DruidHttp(CONFIG, transport=httpx.MockTransport(server))


def test_a_cursor_describes_and_hands_out_rows() -> None:
    server = SqlBroker({"a": "VARCHAR", "b": "DOUBLE", "c": "BIGINT"})
    with connected(server) as http:
        cursor = connect(CONFIG, http).cursor()
        cursor.execute("SELECT * FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = %(t)s", {"t": "it's"})
        assert server.asked == ["SELECT * FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'it''s'"]
        assert [each[0] for each in cursor.description or ()][:2] == ["COLUMN_NAME", "JDBC_TYPE"]
        assert cursor.rowcount == 3
        assert cursor.fetchone() == ("a", 12, "YES", "")
        assert [row[0] for row in cursor.fetchmany(1)] == ["b"]
        assert [row[0] for row in cursor.fetchall()] == ["c"]
        assert cursor.fetchone() is None
        cursor.close()


def test_what_a_query_ended_with_is_kept() -> None:
    with connected(SqlBroker({}, refuses=lambda _sql: "no such table")) as http:
        connection = connect(CONFIG, http)
        with pytest.raises(RefusedError):
            connection.cursor().execute("SELECT 1 FROM t")
        assert [type(each) for each in connection.errors] == [RefusedError]
        connection.commit()
        connection.rollback()
        connection.close()


def test_pydruids_dialect_speaks_through_it() -> None:
    import sqlalchemy

    with connected(SqlBroker({"code": "VARCHAR", "value": "DOUBLE"}, answers=[("count", 5)])) as http:
        engine = engine_of(connect(CONFIG, http))
        assert engine.dialect.name == "druid"
        columns = sqlalchemy.inspect(engine).get_columns("vitals")
        assert [(each["name"], str(each["type"])) for each in columns] == [("code", "VARCHAR"), ("value", "FLOAT")]
        with engine.connect() as connection:
            asked = sqlalchemy.select(sqlalchemy.func.count()).select_from(sqlalchemy.table("vitals"))
            assert connection.execute(asked).scalar() == 5
        engine.dispose()
