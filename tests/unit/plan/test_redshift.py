"""The statements of unloads and loads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError, IntegrityError
from druid_reindex.model.transfer import Load, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Warehouse
from druid_reindex.plan.manifest import Manifest, read_manifest
from druid_reindex.plan.redshift import (
    MOST_BYTES,
    Route,
    Ticket,
    define_script,
    load_errors_query,
    load_script,
    script_digest,
    unload_script,
)

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
ROLES = ("arn:aws:iam::111122223333:role/First", "arn:aws:iam::111122223333:role/Second")
WAREHOUSE = Warehouse.model_validate({"cluster_identifier": "drx", "database": "nights", "role_arns": ROLES})
ROUTE = Route(WAREHOUSE, "us-east-1", KEY)
PREFIX = S3Uri.parse("s3://drx-phi-111122223333/runs/r/unload/claims/1")
SQL = "SELECT id, name FROM billing.claims WHERE day >= :start AND name <> 'O''Brien';"
TICKET = Ticket("k" * 64, "dep/patient_snapshot/snapshot", "run", 7)
LOAD = {"name": "snapshot", "table": "clinic.snapshot", "columns": ["token", "day", "events"], "mode": "swap"}


def unload(**changes: Any) -> Unload:
    return Unload.model_validate({"name": "claims", "sql": "unload/claims.sql"} | changes)


def load(**changes: Any) -> Load:
    return Load.model_validate(LOAD | changes)


def manifest(rows: int = 3) -> Manifest:
    entries = [{"url": f"{PREFIX}/a", "meta": {"content_length": 30, "record_count": rows}}] if rows else []
    return read_manifest(PREFIX / "manifest", json.dumps({"entries": entries}).encode(), below=PREFIX)


def statements(of: Load, rows: int = 3) -> dict[str, str]:
    uri = PREFIX / "copy"
    return {
        step.what: step.sql for step in load_script(of, manifest(rows), manifest_uri=uri, route=ROUTE, ticket=TICKET)
    }


def test_an_unload_names_roles_key_region_and_size_and_quotes_its_query_twice() -> None:
    first, second = unload_script(unload(), SQL, {"start": "2026-09-01"}, route=ROUTE, prefix=PREFIX)
    assert first.sql == (
        "UNLOAD ('SELECT id, name FROM billing.claims WHERE day >= ''2026-09-01'' AND name <> ''O''''Brien''') "
        f"TO '{PREFIX}/' IAM_ROLE '{','.join(ROLES)}' FORMAT AS PARQUET MANIFEST VERBOSE ENCRYPTED "
        f"KMS_KEY_ID '{KEY}' MAXFILESIZE 256 MB REGION 'us-east-1'"
    )
    assert second.sql == "SELECT pg_last_unload_count() AS rows"


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"format": "json", "compression": "bzip2"}, "FORMAT AS JSON BZIP2 MANIFEST"),
        ({"format": "csv", "compression": "gzip", "max_file_size_mb": 5}, "FORMAT AS CSV GZIP MANIFEST"),
        ({"format": "csv"}, "FORMAT AS CSV MANIFEST"),
    ],
)
def test_an_unload_s_format(changes: dict[str, Any], clause: str) -> None:
    first, _ = unload_script(unload(**changes), SQL, {"start": ""}, route=ROUTE, prefix=PREFIX)
    assert clause in first.sql


def test_a_hostile_parameter_stays_within_its_literal() -> None:
    hostile = "'); DROP TABLE claims; --\\"
    first, _ = unload_script(unload(), SQL, {"start": hostile}, route=ROUTE, prefix=PREFIX)
    assert "(''''''); DROP TABLE claims; --'' || CHR(92) || '''')" in first.sql
    assert "\\" not in first.sql


@pytest.mark.parametrize("sql", ["", "-- nothing", "DELETE FROM t", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t"])
def test_an_unload_is_one_select(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="keep one SELECT"):
        unload_script(unload(), sql, {}, route=ROUTE, prefix=PREFIX)


def test_a_statement_of_101_kilobytes_is_refused_before_any_call() -> None:
    sql = f"SELECT '{'x' * 101_000}' AS x"
    with pytest.raises(ConfigurationError, match=rf"10\d+ bytes to unload the rows.*{MOST_BYTES} bytes a statement"):
        unload_script(unload(), sql, {}, route=ROUTE, prefix=PREFIX)


def test_definitions_come_before_the_ledger_s() -> None:
    script = define_script(load(sql="load/x.sql"), "CREATE TABLE IF NOT EXISTS a (b INT);\nGRANT SELECT ON a TO c", {})
    assert [step.what for step in script] == [
        "run statement 1 of load/x.sql", "run statement 2 of load/x.sql", "define the ledger",
    ]  # fmt: skip
    assert script[-1].sql.startswith('CREATE TABLE IF NOT EXISTS "clinic"."snapshot__loads" (')


@pytest.mark.parametrize("sql", ["DROP TABLE a", "CREATE TABLE a (b INT); TRUNCATE a", "COMMIT", "(SELECT 1)"])
def test_a_definition_moves_no_row(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="in a file of definitions"):
        define_script(load(sql="load/x.sql"), sql, {})


def test_no_more_statements_than_a_batch_takes() -> None:
    with pytest.raises(ConfigurationError, match="41 statements"):
        define_script(load(sql="load/x.sql"), "CREATE VIEW v AS SELECT 1;" * 40, {})


def test_a_swap_is_one_transaction_that_begins_with_the_lock() -> None:
    told = statements(load())
    assert next(iter(told.values())) == 'LOCK "clinic"."snapshot__loads"'
    known = f"""SELECT 1 FROM "clinic"."snapshot__loads" WHERE load_key = '{"k" * 64}'"""
    assert told["delete the rows that are replaced"] == f'DELETE FROM "clinic"."snapshot" WHERE NOT EXISTS ({known})'
    assert told["copy the files into the staging table"] == (
        f"""COPY "drx_stage_snapshot" FROM '{PREFIX}/copy' IAM_ROLE '{",".join(ROLES)}' MANIFEST FORMAT AS PARQUET"""
    )
    assert "COUNT(*) = 3" in told["compare the staged rows with the manifest"]
    assert "fence > 7" in told["look whether a later owner of the datasource has loaded"]
    assert "look for rows without a key" not in told
    assert not [sql for sql in told.values() if "TRUNCATE" in sql or "ALTER" in sql]


def test_a_merge_replaces_the_rows_with_equal_keys() -> None:
    told = statements(load(mode="merge", keys=["token", "day"]))
    assert told["delete the rows that are replaced"].startswith(
        'DELETE FROM "clinic"."snapshot" USING "drx_stage_snapshot" WHERE '
        '"snapshot"."token" = "drx_stage_snapshot"."token" AND "snapshot"."day" = "drx_stage_snapshot"."day" '
        "AND NOT EXISTS ("
    )
    assert '"token" IS NULL OR "day" IS NULL' in told["look for rows without a key"]


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"format": "json", "compression": "bzip2"}, "MANIFEST FORMAT AS JSON 'auto' BZIP2 REGION 'us-east-1'"),
        ({"format": "csv"}, "MANIFEST FORMAT AS CSV REGION 'us-east-1'"),
    ],
)
def test_a_load_s_format(changes: dict[str, Any], clause: str) -> None:
    assert statements(load(**changes))["copy the files into the staging table"].endswith(clause)


def test_nothing_to_load_is_a_merge_without_copy_and_no_swap() -> None:
    assert "copy the files into the staging table" not in statements(load(mode="merge", keys=["day"]), rows=0)
    with pytest.raises(IntegrityError, match="a swap would empty the table"):
        statements(load(), rows=0)


def test_equal_scripts_have_equal_digests() -> None:
    first = unload_script(unload(), SQL, {"start": "a"}, route=ROUTE, prefix=PREFIX)
    again = unload_script(unload(), SQL, {"start": "a"}, route=ROUTE, prefix=PREFIX)
    other = unload_script(unload(), SQL, {"start": "b"}, route=ROUTE, prefix=PREFIX)
    assert script_digest(first) == script_digest(again) != script_digest(other)
    assert script_digest(first, "a plan") != script_digest(first)


def test_load_errors_are_asked_for_without_values() -> None:
    sql = load_errors_query(42)
    assert "query_id = 42" in sql
    assert not {"raw", "value", "message", "field"} & set(sql.replace(",", " ").lower().split())
