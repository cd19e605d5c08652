"""The Data API as boto3 and the `aws` CLI see it: real SQL as the caller's own user; what AWS refuses is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from redshift_account import CLUSTER, DATABASE, MASTER, TARGET, Warehouse

CLI = Path(sys.executable).parent / "aws"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"


def refused(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def test_a_query_is_run_as_the_callers_own_user_and_its_fields_are_typed(warehouse: Warehouse) -> None:
    found = warehouse.run(
        "SELECT 7 AS whole, 1.5::float8 AS part, true AS yes, 2.50::decimal(10,2) AS exact, NULL::int AS nothing, "
        "date '2026-11-20' AS day, current_user AS who, current_database() AS base"
    )
    assert (found["DbUser"], found["ResultRows"], found["HasResultSet"]) == ("IAM:operator", 1, True)
    answer = warehouse.data.get_statement_result(Id=found["Id"])
    assert answer["Records"] == [[
        {"longValue": 7}, {"doubleValue": 1.5}, {"booleanValue": True}, {"stringValue": "2.50"}, {"isNull": True},
        {"stringValue": "2026-11-20"}, {"stringValue": "IAM:operator"}, {"stringValue": DATABASE},
    ]]  # fmt: skip
    assert [each["typeName"] for each in answer["ColumnMetadata"]][:4] == ["int4", "float8", "bool", "numeric"]
    assert answer["TotalNumRows"] == 1


@pytest.mark.parametrize("text", ["o'x'; DROP TABLE bound; --", "back\\slash", "new\nline", "ünï", '"quoted"', "$1"])
def test_a_parameter_is_bound_by_the_engine_whatever_it_holds(warehouse: Warehouse, text: str) -> None:
    warehouse.run("CREATE TABLE IF NOT EXISTS bound (id int, name varchar(100))")
    warehouse.run("INSERT INTO bound VALUES (:id, :name)", given={"id": "7", "name": text})
    rows = warehouse.rows("SELECT name FROM bound WHERE name = :name AND id = :id", given={"name": text, "id": "7"})
    assert rows == [(text,)]


def test_parameters_that_are_not_used_or_not_given(warehouse: Warehouse) -> None:
    given = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    code, said = refused(warehouse.data.execute_statement, Sql="SELECT :a, ':b'", Parameters=given, **TARGET)
    assert (code, said) == (
        "ValidationException", "Parameters list contains unused parameters. Unused parameters: [b]",
    )  # fmt: skip
    assert 'syntax error at or near ":a"' in warehouse.failure("SELECT :a")


def test_a_batch_is_one_transaction(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE batched (id int)")
    done = warehouse.batch("LOCK batched", "INSERT INTO batched VALUES (1)", "SELECT count(*) FROM batched")
    last = done["SubStatements"][-1]
    assert (last["Id"], last["HasResultSet"]) == (f"{done['Id']}:3", True)
    assert warehouse.data.get_statement_result(Id=last["Id"])["Records"] == [[{"longValue": 1}]]
    failed = warehouse.batch("INSERT INTO batched VALUES (2)", "SELECT 1/0", "SELECT 1", status="FAILED")
    assert [each["Status"] for each in failed["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert "division by zero" in failed["Error"]
    assert warehouse.rows("SELECT id FROM batched") == [(1,)]
    alone = warehouse.batch("INSERT INTO batched VALUES (3)", "VACUUM batched", status="FAILED")
    assert "cannot run inside a transaction block" in alone["Error"]


def test_the_same_client_token_is_the_same_statement(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE once (id int)")
    token = str(uuid.uuid4())
    sent = [
        warehouse.data.execute_statement(Sql="INSERT INTO once VALUES (1)", ClientToken=token, **TARGET)["Id"]
        for _ in range(3)
    ]
    assert len(set(sent)) == 1
    warehouse.ended(sent[0])
    assert warehouse.rows("SELECT count(*) FROM once") == [(1,)]
    code, said = refused(warehouse.data.execute_statement, Sql="SELECT 1", ClientToken=token, **TARGET)
    assert (code, "another statement" in said) == ("ValidationException", True)


def test_statements_are_listed_by_the_beginning_of_their_names_in_pages(warehouse: Warehouse) -> None:
    names = [f"drx-listed-{number}" for number in range(3)]
    for name in names:
        warehouse.run("SELECT 1", StatementName=name)
    warehouse.run("SELECT nothing", StatementName="drx-listed-bad", status="FAILED")
    pages = warehouse.data.get_paginator("list_statements").paginate(
        StatementName="drx-listed-", PaginationConfig={"PageSize": 2}
    )
    found = [each["StatementName"] for page in pages for each in page["Statements"]]
    assert found == names[::-1]
    everything = warehouse.data.list_statements(StatementName="drx-listed-", Status="ALL")["Statements"]
    assert {each["Status"] for each in everything} == {"FINISHED", "FAILED"}


def test_results_come_in_pages(warehouse: Warehouse) -> None:
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i FROM n"
    found = warehouse.run(counted)
    first = warehouse.data.get_statement_result(Id=found["Id"])
    assert (len(first["Records"]), first["TotalNumRows"]) == (1000, 2500)
    assert [value for (value,) in warehouse.rows(counted)] == list(range(1, 2501))
    code, _ = refused(warehouse.data.get_statement_result, Id=found["Id"], NextToken="bogus")
    assert code == "ValidationException"


def test_a_result_as_csv(warehouse: Warehouse) -> None:
    found = warehouse.run("SELECT 1 AS a, 'x,y' AS b", ResultFormat="CSV")
    answer = warehouse.data.get_statement_result_v2(Id=found["Id"])
    assert answer["Records"] == [{"CSVRecords": 'a,b\n1,"x,y"\n'}]


def test_cancel_ends_the_statement_in_the_engine(warehouse: Warehouse) -> None:
    statement = warehouse.data.execute_statement(Sql=ENDLESS, **TARGET)["Id"]
    while warehouse.data.describe_statement(Id=statement)["Status"] != "STARTED":
        time.sleep(0.02)
    busy = warehouse.data.describe_statement(Id=statement)["RedshiftPid"]
    assert warehouse.data.cancel_statement(Id=statement)["Status"] is True
    found = warehouse.ended(statement)
    assert (found["Status"], "cancel" in found["Error"]) == ("ABORTED", True)
    assert busy > 0
    code, said = refused(warehouse.data.cancel_statement, Id=statement)
    assert (code, "already in ABORTED state" in said) == ("ValidationException", True)
    code, said = refused(warehouse.data.get_statement_result, Id=statement)
    assert "Query does not have result" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Sql": "SELECT '" + "x" * 103_424 + "'"}, "100 KB"),
        ({"ClusterIdentifier": "nowhere"}, "endpoint doesn't exist"),
        ({"Database": "other"}, 'database "other" does not exist'),
        ({"DbUser": "somebody"}, 'user "somebody" does not exist'),
        ({"SecretArn": "arn:aws:secretsmanager:us-east-1:111122223333:secret:x"}, "SecretArn"),
        ({"SessionKeepAliveSeconds": 60}, "SessionKeepAliveSeconds"),
    ],
)
def test_a_wrong_request_is_refused(warehouse: Warehouse, changes: dict[str, Any], said: str) -> None:
    wanted = {"Sql": "SELECT 1", **TARGET, **changes}
    code, text = refused(warehouse.data.execute_statement, **wanted)
    assert code in {"ValidationException", "AccessDeniedException"}
    assert said in text or code == "AccessDeniedException"


def test_a_statement_that_nobody_submitted(warehouse: Warehouse) -> None:
    code, said = refused(warehouse.data.describe_statement, Id=str(uuid.uuid4()))
    assert (code, said) == ("ResourceNotFoundException", "Query does not exist.")


def test_users_see_what_was_granted_to_them(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE billing (id int)", DbUser=MASTER)
    assert "permission denied" in warehouse.failure("SELECT * FROM billing")
    warehouse.run('GRANT SELECT ON billing TO "IAM:operator"', DbUser=MASTER)
    assert warehouse.rows("SELECT * FROM billing") == []
    assert "permission denied" in warehouse.failure("INSERT INTO billing VALUES (1)")


def test_what_postgresql_would_take_and_redshift_does_not_is_refused_by_name(warehouse: Warehouse) -> None:
    for sql, name in (
        ("SELECT * FROM generate_series(1, 2)", "generate_series"),
        ("INSERT INTO x VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT"),
        ("DELETE FROM x RETURNING *", "RETURNING"),
        ("CREATE TABLE x (a int[])", "int[]"),
        ("CREATE TABLE x (a jsonb)", "jsonb"),
        ("CREATE TABLE x (a serial)", "serial"),
        ("CREATE INDEX i ON x (a)", "CREATE INDEX"),
        ("SELECT pg_sleep(1)", "pg_sleep"),
        ("SELECT string_agg(a, ',') FROM x", "string_agg"),
        ("RESET SESSION AUTHORIZATION", "RESET"),
    ):
        assert f"{name} is not supported" in warehouse.failure(sql)


def test_the_cluster_as_its_own_api_tells_it(warehouse: Warehouse) -> None:
    (cluster,) = warehouse.client("redshift").describe_clusters(ClusterIdentifier=CLUSTER)["Clusters"]
    assert (cluster["DBName"], cluster["MasterUsername"]) == (DATABASE, MASTER)
    given = warehouse.client("redshift").get_cluster_credentials_with_iam(ClusterIdentifier=CLUSTER, DbName=DATABASE)
    assert given["DbUser"] == "IAM:operator"
    assert len(given["DbPassword"]) > 20


def test_the_aws_cli(warehouse: Warehouse) -> None:
    env = os.environ | warehouse.environment

    def aws(*argv: str) -> dict[str, Any]:
        done = subprocess.run(
            [CLI, "redshift-data", *argv, "--output", "json"],
            env=env, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    target = ("--cluster-identifier", CLUSTER, "--database", DATABASE)
    sent = aws("execute-statement", *target, "--sql", "SELECT :a AS a", "--parameters", "name=a,value=from the CLI")
    assert warehouse.ended(sent["Id"])["Status"] == "FINISHED"
    found = aws("get-statement-result", "--id", sent["Id"])
    assert found["Records"] == [[{"stringValue": "from the CLI"}]]
