"""Redshift's Data API by its client: what is asked, and what the answers become."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from druid_reindex.clients.redshift import RedshiftClient
from druid_reindex.errors import NotFoundError, ProtocolError, RefusedError, ThrottledError
from druid_reindex.model.warehouse import StatementState, Warehouse

ID = "d9b6c0c9-0747-4bf4-b142-e8883122f766"
WAREHOUSE = Warehouse.model_validate(
    {"cluster_identifier": "drx", "database": "nights", "role_arns": ["arn:aws:iam::111122223333:role/R"]}
)
TARGET = {"ClusterIdentifier": "drx", "Database": "nights"}
NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)


@pytest.fixture
def client() -> RedshiftClient:
    session = boto3.Session(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x", region_name="us-east-1")
    return RedshiftClient(session, WAREHOUSE, attempts=1)


@pytest.fixture
def api(client: RedshiftClient) -> Iterator[Stubber]:
    with Stubber(client._data) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_a_batch_carries_its_name_and_its_token_and_no_user(client: RedshiftClient, api: Stubber) -> None:
    asked = {"Sqls": ["SELECT 1"], "StatementName": "drx_a", "ClientToken": "t", **TARGET}
    api.add_response("batch_execute_statement", {"Id": ID}, asked)
    assert client.submit("drx_a", ("SELECT 1",), token="t") == ID


def test_statements_are_listed_by_name_whatever_their_state(client: RedshiftClient, api: Stubber) -> None:
    asked: dict[str, Any] = {"StatementName": "drx_a", "Status": "ALL", "RoleLevel": True, **TARGET}
    first = {"Id": ID, "Status": "FAILED", "StatementName": "drx_a_g1", "CreatedAt": NOON}
    second = {"Id": ID[:-1] + "7", "Status": "STARTED", "StatementName": "drx_a_g2", "CreatedAt": NOON.replace(hour=13)}
    api.add_response("list_statements", {"Statements": [first], "NextToken": "more"}, asked)
    api.add_response("list_statements", {"Statements": [second]}, asked | {"NextToken": "more"})
    found = client.named("drx_a")
    assert [(each.name, each.state) for each in found] == [
        ("drx_a_g2", StatementState.STARTED), ("drx_a_g1", StatementState.FAILED),
    ]  # fmt: skip


def test_a_batch_is_described_with_its_parts(client: RedshiftClient, api: Stubber) -> None:
    parts = [{"Id": f"{ID}:1", "Status": "FINISHED", "RedshiftQueryId": 7},
             {"Id": f"{ID}:2", "Status": "FAILED", "Error": "ERROR: x", "RedshiftQueryId": -1}]  # fmt: skip
    told = {"Id": ID, "Status": "FAILED", "Error": "ERROR: x", "SubStatements": parts, "CreatedAt": NOON}
    api.add_response("describe_statement", told, {"Id": ID})
    batch = client.describe(ID)
    assert (batch.state, batch.error, batch.created_at) == (StatementState.FAILED, "ERROR: x", NOON)
    assert [(each.state.value, each.query_id) for each in batch.parts] == [("FINISHED", 7), ("FAILED", 0)]


def test_rows_by_column(client: RedshiftClient, api: Stubber) -> None:
    columns = [{"name": "rows", "label": "rows"}, {"name": "code"}]
    records = [[{"longValue": 3}, {"isNull": True}], [{"longValue": 0}, {"stringValue": "x"}]]
    page = {"Records": records[:1], "ColumnMetadata": columns, "NextToken": "more"}
    api.add_response("get_statement_result", page, {"Id": f"{ID}:2"})
    api.add_response("get_statement_result", {"Records": records[1:]}, {"Id": f"{ID}:2", "NextToken": "more"})
    assert client.rows(f"{ID}:2") == [{"rows": 3, "code": None}, {"rows": 0, "code": "x"}]


def test_cancelling_what_has_ended_is_no_error(client: RedshiftClient, api: Stubber) -> None:
    api.add_response("cancel_statement", {"Status": True}, {"Id": ID})
    client.cancel(ID)
    api.add_client_error("cancel_statement", "ValidationException", "Could not cancel a query that is already in "
                         "FINISHED state")  # fmt: skip
    api.add_response("describe_statement", {"Id": ID, "Status": "FINISHED"}, {"Id": ID})
    client.cancel(ID)
    api.add_client_error("cancel_statement", "ResourceNotFoundException", "Query does not exist.")
    client.cancel(ID)


def test_what_cannot_be_cancelled_while_it_runs_is_an_error(client: RedshiftClient, api: Stubber) -> None:
    api.add_client_error("cancel_statement", "ValidationException", "no")
    api.add_response("describe_statement", {"Id": ID, "Status": "STARTED"}, {"Id": ID})
    with pytest.raises(RefusedError, match=f"cancel a statement on {ID}"):
        client.cancel(ID)


def test_errors_are_ours(client: RedshiftClient, api: Stubber) -> None:
    api.add_client_error("batch_execute_statement", "ActiveStatementsExceededException", "500")
    with pytest.raises(ThrottledError, match="Redshift drx/nights"):
        client.submit("drx_a", ["SELECT 1"], token="t")
    api.add_client_error("describe_statement", "ResourceNotFoundException", "Query does not exist.")
    with pytest.raises(NotFoundError):
        client.describe(ID)


def test_a_new_state_is_not_guessed_at(client: RedshiftClient, api: Stubber) -> None:
    api.add_response("describe_statement", {"Id": ID, "Status": "PAUSED"}, {"Id": ID})
    with pytest.raises(ProtocolError, match="PAUSED"):
        client.describe(ID)
