"""UNLOAD and COPY as the cluster's role, through the account's gate, its S3 and its keys."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from typing import Any

import pyarrow.parquet
import pytest

from druid_reindex.sandbox.aws.gate import records
from druid_reindex.sandbox.aws.iam.replay import read
from redshift_account import PHI, PHI_KEY, REDSHIFT_ROLE, Warehouse

ROLE = f"IAM_ROLE '{REDSHIFT_ROLE}'"
ENCRYPTED = f"ENCRYPTED KMS_KEY_ID '{PHI_KEY}'"
ROWS = 3000


@pytest.fixture(scope="module")
def claims(warehouse: Warehouse) -> str:
    """A table with values that files make difficult."""
    warehouse.run(
        "CREATE TABLE claims (id int, note varchar(200), amount decimal(10,2), paid boolean, day date, at timestamp) "
        "DISTSTYLE KEY DISTKEY (id) SORTKEY (day)"
    )
    warehouse.run(
        f"INSERT INTO claims WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
        "SELECT i, CASE WHEN i % 3 = 0 THEN NULL WHEN i % 3 = 1 THEN 'say \"a, b\"' || chr(10) || 'c\\\\d|e' "
        "ELSE 'ünï' END, i * 1.25, i % 2 = 0, dateadd(day, i % 30, date '2026-01-01')::date, "
        "dateadd(hour, i, timestamp '2026-01-01 00:00:00') FROM n"
    )
    return "claims"


@pytest.mark.parametrize(
    ("kind", "unload", "copy"),
    [
        ("parquet", "FORMAT AS PARQUET MANIFEST VERBOSE", "FORMAT AS PARQUET MANIFEST"),
        ("csv", "FORMAT AS CSV HEADER GZIP MANIFEST", "FORMAT CSV GZIP IGNOREHEADER 1 MANIFEST EMPTYASNULL"),
        ("pipes", "CSV DELIMITER '|' BZIP2 MANIFEST PARALLEL OFF", "CSV DELIMITER '|' BZIP2 MANIFEST EMPTYASNULL"),
        ("json", "FORMAT JSON BZIP2 MANIFEST", "FORMAT JSON 'auto' BZIP2 MANIFEST"),
    ],
)
def test_what_is_unloaded_is_loaded_again(warehouse: Warehouse, claims: str, kind: str, unload: str, copy: str) -> None:
    place = f"s3://{PHI}/runs/moves/{kind}/"
    warehouse.run(
        f"UNLOAD ('SELECT * FROM {claims} WHERE note <> ''no'' OR true') TO '{place}' {ROLE} {unload} {ENCRYPTED}"
    )
    manifest = json.loads(warehouse.read(f"runs/moves/{kind}/manifest"))
    sizes = warehouse.objects(f"runs/moves/{kind}/")
    for entry in manifest["entries"]:
        key = entry["url"].removeprefix(f"s3://{PHI}/")
        assert entry["meta"]["content_length"] == sizes[key]
        head = warehouse.client("s3").head_object(Bucket=PHI, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", PHI_KEY)
    warehouse.run(f"CREATE TABLE {kind}_copy (LIKE {claims})")
    done = warehouse.batch(f"COPY {kind}_copy FROM '{place}manifest' {ROLE} {copy}", "SELECT pg_last_copy_count()")
    counted = warehouse.data.get_statement_result(Id=f"{done['Id']}:2")["Records"]
    assert counted == [[{"longValue": ROWS}]]
    difference = (
        f"SELECT count(*) FROM ((SELECT * FROM {kind}_copy EXCEPT SELECT * FROM {claims}) "
        f"UNION ALL (SELECT * FROM {claims} EXCEPT SELECT * FROM {kind}_copy)) AS d"
    )
    assert warehouse.rows(difference) == [(0,)]


def test_files_read_by_others(warehouse: Warehouse, claims: str) -> None:
    for kind, option in (("a.", "PARQUET"), ("b.", "CSV GZIP"), ("c.", "JSON BZIP2")):
        query = f"SELECT id, amount, paid FROM {claims} WHERE id < 3 ORDER BY id"
        place = f"s3://{PHI}/runs/others/{kind}"
        warehouse.run(f"UNLOAD ('{query}') TO '{place}' {ROLE} FORMAT {option} PARALLEL OFF {ENCRYPTED}")
    table = pyarrow.parquet.read_table(io.BytesIO(warehouse.read("runs/others/a.000.parquet")))
    assert table.to_pylist()[0]["id"] == 1
    assert str(table.schema.field("amount").type) == "decimal128(10, 2)"
    assert gzip.decompress(warehouse.read("runs/others/b.000.gz")) == b"1,1.25,f\n2,2.50,t\n"
    lines = bz2.decompress(warehouse.read("runs/others/c.000.json.bz2")).splitlines()
    assert json.loads(lines[1]) == {"id": 2, "amount": 2.5, "paid": True}


def test_a_verbose_manifest_counts(warehouse: Warehouse, claims: str) -> None:
    place = f"s3://{PHI}/runs/verbose/"
    warehouse.run(f"UNLOAD ('SELECT id FROM {claims}') TO '{place}' {ROLE} PARQUET MANIFEST VERBOSE {ENCRYPTED}")
    manifest = json.loads(warehouse.read("runs/verbose/manifest"))
    assert manifest["meta"]["record_count"] == ROWS == sum(e["meta"]["record_count"] for e in manifest["entries"])
    assert manifest["schema"]["elements"] == [{"name": "id", "type": {"base": "integer"}}]
    assert warehouse.rows(
        f"SELECT sum(line_count) FROM stl_unload_log WHERE path LIKE '{place}%'"
    ) == [(str(ROWS),)]  # fmt: skip


def test_a_place_that_is_not_empty(warehouse: Warehouse, claims: str) -> None:
    sql = f"UNLOAD ('SELECT id FROM {claims}') TO 's3://{PHI}/runs/full/' {ROLE} CSV MANIFEST {ENCRYPTED}"
    warehouse.run(sql)
    warehouse.put("runs/full/left-over", b"x")
    assert "destination on S3 is not empty" in warehouse.failure(sql)
    warehouse.run(f"{sql} ALLOWOVERWRITE")
    assert "runs/full/left-over" in warehouse.objects("runs/full/")
    warehouse.run(f"{sql} CLEANPATH")
    assert "runs/full/left-over" not in warehouse.objects("runs/full/")


def test_what_the_role_and_the_bucket_refuse_is_said_in_redshifts_form(warehouse: Warehouse, claims: str) -> None:
    query = f"UNLOAD ('SELECT id FROM {claims}') TO"
    elsewhere = warehouse.failure(f"{query} 's3://{PHI}/elsewhere/' {ROLE} CSV {ENCRYPTED}")
    assert "S3ServiceException:" in elsewhere
    assert "Status 403,Error AccessDenied" in elsewhere
    assert "code:      8001" in elsewhere
    # The bucket's policy takes nothing but its own key.
    assert "Status 403,Error AccessDenied" in warehouse.failure(f"{query} 's3://{PHI}/runs/clear/' {ROLE} CSV")
    general = PHI_KEY.replace("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
    other_key = f"{query} 's3://{PHI}/runs/other-key/' {ROLE} CSV ENCRYPTED KMS_KEY_ID '{general}'"
    assert "Error AccessDenied" in warehouse.failure(other_key)
    replica = f"{query} 's3://drx-phi-replica-111122223333/runs/' {ROLE} CSV {ENCRYPTED}"
    assert "Status 301,Error PermanentRedirect" in warehouse.failure(replica)
    assert not warehouse.objects("runs/clear/") | warehouse.objects("runs/other-key/")


def test_a_role_that_is_not_the_clusters_is_not_assumed(warehouse: Warehouse) -> None:
    role = "arn:aws:iam::111122223333:role/DrxAirflowPhi"
    said = warehouse.failure(f"COPY claims FROM 's3://{PHI}/runs/x' IAM_ROLE '{role}' CSV")
    user = "arn:aws:redshift:us-east-1:111122223333:dbuser:drx/IAM:operator"
    assert f"User {user} is not authorized to assume IAM Role {role}" in said
    chain = f"{REDSHIFT_ROLE},{role}"
    assert f"assume IAM Role {role}" in warehouse.failure(
        f"COPY claims FROM 's3://{PHI}/runs/x' IAM_ROLE '{chain}' CSV"
    )


def test_the_gate_saw_redshift_become_the_role(warehouse: Warehouse, claims: str) -> None:
    warehouse.run(f"UNLOAD ('SELECT 1 AS a') TO 's3://{PHI}/runs/seen/' {ROLE} CSV {ENCRYPTED}")
    decisions = read(records.file(warehouse.home)).decisions
    assumed = [each for each in decisions if each.request.principal.service == "redshift.amazonaws.com"]
    assert {each.request.resource for each in assumed} >= {REDSHIFT_ROLE}
    put = [each for each in decisions if each.request.resource.endswith("/runs/seen/0000_part_00")]
    assert {each.request.principal.identity for each in put} == {REDSHIFT_ROLE}
    assert {each.request.action for each in put} >= {"s3:PutObject"}


def failed_load(warehouse: Warehouse, table: str, sql: str) -> list[tuple[Any, ...]]:
    """What the system's view tells of a COPY that failed, which left the table as it was."""
    before = warehouse.rows(f"SELECT count(*) FROM {table}")
    found = warehouse.run(sql, status="FAILED")
    assert f"Load into table '{table}' failed" in found["Error"]
    assert warehouse.rows(f"SELECT count(*) FROM {table}") == before
    return warehouse.rows(
        "SELECT line_number, column_name, error_code, error_message FROM sys_load_error_detail WHERE query_id = :id",
        given={"id": str(found["RedshiftQueryId"])},
    )


def test_load_errors_name_line_column_and_code(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE loaded (id int NOT NULL, name varchar(5))")
    cases = [
        (b"1,a\nx,b\n", (2, "id", 1207, "Invalid digit")),
        (b"1,a\n2,b,c\n", (2, "", 1202, "Extra column(s) found")),
        (b"1,a\n2\n", (2, "name", 1203, "Delimiter not found")),
        (b"1,a\n2,toolong\n", (2, "name", 1204, "String length exceeds DDL length")),
        (b"1,a\n,b\n", (2, "id", 1213, "Missing data for not-null field")),
    ]
    for number, (content, expected) in enumerate(cases):
        uri = warehouse.put(f"runs/errors/{number}.csv", content)
        assert failed_load(warehouse, "loaded", f"COPY loaded FROM '{uri}' {ROLE} CSV") == [expected]
    uri = warehouse.put("runs/errors/lines.json", b'{"id": 1, "name": "a"}\n{"id": "x"}\n')
    (found,) = failed_load(warehouse, "loaded", f"COPY loaded FROM '{uri}' {ROLE} JSON 'auto'")
    assert found[:3] == (2, "id", 1207)


def test_maxerror_passes_over_so_many(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE tolerant (id int, name varchar(5))")
    uri = warehouse.put("runs/tolerant/a.csv", b"1,a\nx,b\n3,c\ny,d\n")
    done = warehouse.run(f"COPY tolerant FROM '{uri}' {ROLE} CSV MAXERROR 3")
    assert warehouse.rows("SELECT id FROM tolerant ORDER BY id") == [(1,), (3,)]
    wrong = "SELECT line_number, column_name FROM sys_load_error_detail WHERE query_id = :id ORDER BY 1"
    assert warehouse.rows(wrong, given={"id": str(done["RedshiftQueryId"])}) == [(2, "id"), (4, "id")]
    warehouse.failure(f"COPY tolerant FROM '{uri}' {ROLE} CSV MAXERROR 2")
    assert warehouse.rows("SELECT count(*) FROM tolerant") == [(2,)]


def test_a_manifest_that_lists_a_missing_file(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE listed (id int)")
    there = warehouse.put("runs/listed/there.csv", b"1\n")
    missing = f"s3://{PHI}/runs/listed/missing.csv"
    for mandatory in (True, False):
        entries = [{"url": there, "mandatory": mandatory}, {"url": missing, "mandatory": mandatory}]
        manifest = warehouse.put(f"runs/listed/manifest-{mandatory}", {"entries": entries})
        sql = f"COPY listed FROM '{manifest}' {ROLE} CSV MANIFEST"
        if mandatory:
            said = warehouse.failure(sql)
            assert "Status 404,Error NoSuchKey" in said
            assert missing in said
            assert warehouse.rows("SELECT count(*) FROM listed") == [(0,)]
        else:
            warehouse.run(sql)
    assert warehouse.rows("SELECT id FROM listed") == [(1,)]
    nothing = f"COPY listed FROM 's3://{PHI}/runs/nowhere/' {ROLE} CSV"
    assert "The specified S3 prefix 'runs/nowhere/' does not exist" in warehouse.failure(nothing)


def test_a_parquet_file_of_another_type_or_width(warehouse: Warehouse, claims: str) -> None:
    place = f"s3://{PHI}/runs/changed/"
    warehouse.run(f"UNLOAD ('SELECT id, note FROM {claims}') TO '{place}' {ROLE} PARQUET MANIFEST {ENCRYPTED}")
    copy = f"FROM '{place}manifest' {ROLE} PARQUET MANIFEST"
    warehouse.run("CREATE TABLE changed (id int, note int)")
    said = warehouse.failure(f"COPY changed {copy}")
    assert "incompatible Parquet schema for column 'note'. Column type: INTEGER" in said
    assert "code:      15007" in said
    warehouse.run("CREATE TABLE narrow (id int)")
    assert "Number of columns" in warehouse.failure(f"COPY narrow {copy}")
