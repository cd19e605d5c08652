"""Statements ready to run."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal
from druid_reindex.sandbox.aws.redshift.statements import Kind, prepare

ROLE = "IAM_ROLE 'arn:aws:iam::111122223333:role/r'"


@pytest.mark.parametrize(
    ("sql", "kind", "expected"),
    [
        ("-- a comment; with a semicolon\nSELECT 1;", Kind.QUERY, "SELECT 1"),
        ("(SELECT 1) UNION ALL (SELECT 2)", Kind.QUERY, "(SELECT 1) UNION ALL (SELECT 2)"),
        ("INSERT INTO t VALUES (:a)", Kind.CHANGE, "INSERT INTO t VALUES ($1)"),
        ("LOCK TABLE t, s.u", Kind.DEFINITION, 'LOCK TABLE "t", "s"."u" IN ACCESS EXCLUSIVE MODE'),
        ("ANALYZE t", Kind.DEFINITION, 'ANALYZE "t"'),
        ("SET search_path TO a, 'b'", Kind.DEFINITION, "SET search_path TO \"a\", 'b', \"redshift_catalogue\""),
        ("SET query_group TO 'nights'", Kind.NOTHING, ""),
        ("CREATE SCHEMA IF NOT EXISTS S AUTHORIZATION \"IAMR:X\"", Kind.DEFINITION,
         'CREATE SCHEMA IF NOT EXISTS "s" AUTHORIZATION "IAMR:X"'),
        ('ALTER TABLE t OWNER TO "IAMR:X"', Kind.DEFINITION, 'ALTER TABLE "t" OWNER TO "IAMR:X"'),
        ("ALTER TABLE t APPEND FROM u", Kind.CHANGE,
         'WITH moved AS (DELETE FROM "u" RETURNING *) INSERT INTO "t" SELECT * FROM moved'),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
         Kind.CHANGE,
         "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.a)"),
        ("MERGE INTO t USING s ON t.id = s.id REMOVE DUPLICATES", Kind.CHANGE,
         'WITH gone AS (DELETE FROM "t" USING "s" WHERE t.id = s.id) INSERT INTO "t" SELECT DISTINCT * FROM "s"'),
    ],
)  # fmt: skip
def test_what_runs(sql: str, kind: Kind, expected: str) -> None:
    found = prepare(sql, "nights")
    assert (found.kind, found.sql) == (kind, expected)


def test_a_table_and_its_layout() -> None:
    found = prepare("CREATE TABLE S.Claims (id int ENCODE az64) DISTKEY (id)", "nights")
    assert found.table == ("s", "claims")
    assert found.physical is not None
    assert found.physical.encodings == {"id": "az64"}


def test_unload_takes_a_query_that_is_allowed() -> None:
    found = prepare(f"UNLOAD ('SELECT id FROM t WHERE name = ''x''') TO 's3://b/p' {ROLE} PARQUET", "nights")
    assert (found.kind, found.sql) == (Kind.UNLOAD, "SELECT id FROM t WHERE name = 'x'")
    for query, said in (
        ("DELETE FROM t", "takes a SELECT"),
        ("SELECT a FROM t LIMIT 5", "Limit clause"),
        ("SELECT :a", "parameters"),
        ("SELECT pg_sleep(1)", "pg_sleep"),
        ("SELECT 1; DROP TABLE t", "multiple commands"),
    ):
        with pytest.raises(SqlRefusal, match=said):
            prepare(f"UNLOAD ('{query}') TO 's3://b/p' {ROLE} PARQUET", "nights")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("", "end of input"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT 1 INTO t", "SELECT INTO"),
        ("SET role TO x", "the setting role"),
        ("ANALYZE COMPRESSION t", "ANALYZE COMPRESSION"),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b", "one WHEN MATCHED"),
        ("MERGE INTO t AS x USING s ON x.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
         "alias of MERGE"),
        ("CREATE TABLE t AS SELECT :a", "parameters are not allowed"),
        ("LOCK TABLE t IN SHARE MODE", 'near "IN"'),
    ],
)  # fmt: skip
def test_what_does_not(sql: str, said: str) -> None:
    with pytest.raises(SqlRefusal, match=said):
        prepare(sql, "nights")


@pytest.mark.parametrize("sql", ["VACUUM t", "BEGIN", "COMMIT", "ALTER TABLE t APPEND FROM u"])
def test_what_cannot_be_in_a_batch(sql: str) -> None:
    assert prepare(sql, "nights").alone
    assert prepare("TRUNCATE t", "nights").commits
