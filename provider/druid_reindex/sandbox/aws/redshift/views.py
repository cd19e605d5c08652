"""Statements as the Data API tells them.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_Types.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from druid_reindex.sandbox.aws.redshift import results
from druid_reindex.sandbox.aws.redshift.model import Piece, Statement
from druid_reindex.sandbox.aws.redshift.results import Kept

Json = dict[str, Any]


def submitted(statement: Statement) -> Json:
    """Return the answer to whoever submitted it."""
    return {
        "Id": statement.id,
        "CreatedAt": statement.created.timestamp(),
        "Database": statement.asked.target.database,
        "DbUser": statement.asked.user,
        **_where(statement),
    }


def progress(statement: Statement) -> Json:
    """Return what a submission tells besides when it waited for the end."""
    return {
        "Status": statement.state,
        "RedshiftPid": statement.pid,
        "HasResultSet": any(piece.has_result for piece in statement.pieces),
    }


def described(statement: Statement) -> Json:
    """Return DescribeStatement's answer."""
    with statement.changed:
        first = statement.pieces[0]
        found: Json = {
            "Id": statement.id,
            "Status": statement.state,
            "CreatedAt": statement.created.timestamp(),
            "UpdatedAt": statement.updated.timestamp(),
            "Database": statement.asked.target.database,
            "DbUser": statement.asked.user,
            "Duration": sum(piece.duration_ns for piece in statement.pieces),
            "HasResultSet": any(piece.has_result for piece in statement.pieces),
            "RedshiftPid": statement.pid,
            "RedshiftQueryId": -1 if statement.asked.is_batch else first.query,
            "ResultRows": -1 if statement.asked.is_batch else first.rows,
            "ResultSize": -1 if statement.asked.is_batch else first.size,
            "ResultFormat": "CSV" if statement.asked.csv else "JSON",
            **_where(statement),
            **_parameters(statement),
        }
        if statement.error:
            found["Error"] = statement.error
        if statement.asked.is_batch:
            return found | {"SubStatements": [_piece(piece) for piece in statement.pieces]}
        return found | {"QueryString": first.sql}


def listed(statement: Statement) -> Json:
    """Return ListStatements's entry."""
    sqls = statement.asked.sqls
    found: Json = {
        "Id": statement.id,
        "Status": statement.state,
        "CreatedAt": statement.created.timestamp(),
        "UpdatedAt": statement.updated.timestamp(),
        "IsBatchStatement": statement.asked.is_batch,
        "ResultFormat": "CSV" if statement.asked.csv else "JSON",
        **_parameters(statement),
    }
    if statement.asked.name:
        found["StatementName"] = statement.asked.name
    return found | ({"QueryStrings": list(sqls)} if statement.asked.is_batch else {"QueryString": sqls[0]})


def result(kept: Kept, rows: Sequence[list[Json]]) -> Json:
    """Return one page of GetStatementResult."""
    return {"ColumnMetadata": list(kept.columns), "Records": list(rows), "TotalNumRows": kept.rows}


def result_as_csv(kept: Kept, rows: Sequence[list[Json]]) -> Json:
    """Return one page of GetStatementResultV2."""
    text = results.as_csv(rows, [str(each["name"]) for each in kept.columns])
    found = {"ColumnMetadata": list(kept.columns), "TotalNumRows": kept.rows, "ResultFormat": "CSV"}
    return found | {"Records": [{"CSVRecords": text}]}


def _where(statement: Statement) -> Json:
    target = statement.asked.target
    return {"WorkgroupName" if target.is_workgroup else "ClusterIdentifier": target.name}


def _parameters(statement: Statement) -> Json:
    given = statement.asked.parameters
    return {"QueryParameters": [{"name": name, "value": value} for name, value in given]} if given else {}


def _piece(piece: Piece) -> Json:
    found: Json = {
        "Id": piece.id,
        "Status": piece.state,
        "CreatedAt": piece.created.timestamp(),
        "UpdatedAt": piece.updated.timestamp(),
        "Duration": piece.duration_ns,
        "HasResultSet": piece.has_result,
        "QueryString": piece.sql,
        "RedshiftQueryId": piece.query,
        "ResultRows": piece.rows,
        "ResultSize": piece.size,
    }
    return found | ({"Error": piece.error} if piece.error else {})
