"""The Amazon provider's own operator and hook against the emulated Data API."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.redshift_data import RedshiftDataHook, RedshiftDataQueryFailedError
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator

from redshift_account import CLUSTER, DATABASE, Warehouse


@pytest.fixture(autouse=True)
def reached(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in warehouse.environment.items():
        monkeypatch.setenv(name, value)


def operator(sql: str | list[str], **more: Any) -> RedshiftDataOperator:
    return RedshiftDataOperator(
        task_id="asked",
        sql=sql,
        cluster_identifier=CLUSTER,
        database=DATABASE,
        aws_conn_id=None,
        poll_interval=1,
        **more,
    )


def test_its_query_returns_rows() -> None:
    found = operator("SELECT :a AS a", parameters=[{"name": "a", "value": "x"}], return_sql_result=True).execute({})
    assert [each["Records"] for each in found] == [[[{"stringValue": "x"}]]]


def test_its_batch_and_its_failure() -> None:
    done = operator(["CREATE TABLE of_operator (id int)", "INSERT INTO of_operator VALUES (1)"]).execute({})
    hook = RedshiftDataHook(aws_conn_id=None)
    assert hook.check_query_is_finished(done[0] if isinstance(done, list) else done)
    with pytest.raises(RedshiftDataQueryFailedError, match="FAILED"):
        operator("SELECT * FROM nothing_of_the_kind").execute({})
