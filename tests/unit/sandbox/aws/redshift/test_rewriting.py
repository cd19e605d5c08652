"""Redshift's SQL as PostgreSQL's, and refusals by name."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift import rewriting
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal


def rewritten(sql: str) -> str:
    return rewriting.postgres(rewriting.parse(sql), [], "nights")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT "Id" FROM Claims', 'SELECT "id" FROM claims'),
        ("SELECT nvl(a, 1) FROM t", "SELECT COALESCE(a, 1) FROM t"),
        ("SELECT current_database()", "SELECT 'nights'"),
        ("SELECT approximate count(distinct a) FROM t", "SELECT COUNT(DISTINCT a) FROM t"),
        (
            "SELECT listagg(a, ',') WITHIN GROUP (ORDER BY b) FROM t",
            "SELECT STRING_AGG(a, ',' ORDER BY b) FROM t",
        ),
        (
            "SELECT datediff(month, a, b) FROM t",
            "SELECT REDSHIFT_CATALOGUE.DATEDIFF('month', CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP)) FROM t",
        ),
        ("SELECT a FROM t WHERE b = :b", "SELECT a FROM t WHERE b = $1"),
        ("CREATE VIEW v AS SELECT 1 AS a WITH NO SCHEMA BINDING", "CREATE VIEW v AS SELECT 1 AS a"),
        ("SELECT TOP 2 a FROM t", "SELECT a FROM t LIMIT 2"),
    ],
)
def test_sql_for_the_engine(sql: str, expected: str) -> None:
    assert rewritten(sql) == expected


def test_a_parameter_that_comes_twice_is_one() -> None:
    parameters: list[str] = []
    sql = rewriting.postgres(rewriting.parse("SELECT :a, :b, :a"), parameters, "nights")
    assert sql == "SELECT $1, $2, $1"
    assert parameters == ["a", "b"]


def test_a_definition_keeps_what_redshift_enforces() -> None:
    sql = rewritten(
        "CREATE TABLE t (id bigint IDENTITY(1,1), a varchar(max) UNIQUE, b text, c varchar, d int REFERENCES u (x), "
        "PRIMARY KEY (id), UNIQUE (a), FOREIGN KEY (d) REFERENCES u (x))"
    )
    assert "UNIQUE" not in sql
    assert "REFERENCES" not in sql
    assert "PRIMARY KEY" not in sql
    assert "id BIGINT GENERATED ALWAYS AS IDENTITY" in sql
    assert "NOT NULL" in sql
    assert "a VARCHAR(65535), b VARCHAR(256), c VARCHAR(256), d INT" in sql


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT * FROM generate_series(1, 2)", "generate_series"),
        ("SELECT string_agg(a, ',') FROM t", "string_agg"),
        ("SELECT ifnull(a, 1) FROM t", "ifnull"),
        ("SELECT if(a, 1, 2) FROM t", "the function if"),
        ("SELECT lo_import('/etc/passwd')", "lo_import"),
        ("SELECT ARRAY[1]", "array"),
        ("SELECT a::jsonb FROM t", "jsonb"),
        ("CREATE TABLE t (a uuid)", "uuid"),
        ("CREATE TABLE t (a int CHECK (a > 0))", "CHECK"),
        ("CREATE TABLE t (a int) INHERITS (u)", "INHERITS"),
        ("CREATE OR REPLACE TABLE t (a int)", "CREATE OR REPLACE TABLE"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$", "CREATE FUNCTION"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "MATERIALIZED"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT"),
        ("UPDATE t SET a = 1 RETURNING *", "RETURNING"),
        ("SELECT DISTINCT ON (a) a FROM t", "DISTINCT ON"),
        ("SELECT a FROM t FOR UPDATE", "LOCK"),
        ("SELECT * FROM pg_authid", "pg_authid"),
        ("SELECT * FROM pg_catalog.pg_shadow", "pg_shadow"),
        ("SELECT * FROM information_schema.user_mappings", "user_mappings"),
        ("SELECT * FROM redshift_catalogue.loads", "redshift_catalogue.loads"),
        ("SELECT a FROM (VALUES (1)) AS x (a)", "VALUES as a table"),
        ("CREATE TABLE t (a super)", "super"),
        ("SELECT $1", "PARAMETER"),
        ("DO $$ BEGIN END $$", "DO"),
    ],
)
def test_what_is_outside_is_refused_by_its_name(sql: str, name: str) -> None:
    with pytest.raises(SqlRefusal) as raised:
        rewriting.parse(sql)
    assert name in str(raised.value)
    assert "is not supported" in str(raised.value)


def test_what_is_no_sql() -> None:
    with pytest.raises(SqlRefusal, match="syntax error"):
        rewriting.parse("SELECT FROM WHERE (")
