"""Statements as the API tells them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from druid_reindex.sandbox.aws.redshift import views
from druid_reindex.sandbox.aws.redshift.model import Asked, State, Statement
from druid_reindex.sandbox.aws.redshift.results import Kept


def test_a_statement(statement: Statement) -> None:
    statement.move(State.FAILED, "ERROR: x")
    found = views.described(statement)
    assert (found["Id"], found["Status"], found["Error"]) == (statement.id, "FAILED", "ERROR: x")
    assert (found["ClusterIdentifier"], found["QueryString"]) == ("drx", "SELECT 1")
    assert "SubStatements" not in found
    assert views.progress(statement)["Status"] == "FAILED"


def test_a_batch_of_a_workgroup(asked: Asked) -> None:
    target = replace(asked.target, is_workgroup=True)
    batch = Statement(replace(asked, target=target, sqls=("a", "b"), is_batch=True, parameters=(("p", "1"),), name="n"))
    found = views.described(batch)
    assert found["WorkgroupName"] == "drx"
    assert [each["QueryString"] for each in found["SubStatements"]] == ["a", "b"]
    listed = views.listed(batch)
    assert (listed["QueryStrings"], listed["StatementName"], listed["IsBatchStatement"]) == (["a", "b"], "n", True)
    assert listed["QueryParameters"] == [{"name": "p", "value": "1"}]
    assert views.submitted(batch)["DbUser"] == asked.user


def test_results() -> None:
    kept = Kept(Path("x"), ({"name": "a"},), 1, 1, (0,))
    assert views.result(kept, [[{"longValue": 1}]])["TotalNumRows"] == 1
    assert views.result_as_csv(kept, [[{"longValue": 1}]])["Records"] == [{"CSVRecords": "a\n1\n"}]
