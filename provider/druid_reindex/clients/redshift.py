"""Amazon Redshift's Data API as ``ports.RedshiftPort``.

A batch carries a ClientToken, so it may be sent again; what it did is known for a day by its name, which is why callers
look there before they submit. Nobody signs in with a password: the API makes the database user of the IAM identity.
Sources: https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.errors import NotFoundError, ProtocolError, RefusedError
from druid_reindex.model.warehouse import Statement, StatementState, SubStatement, Warehouse


class RedshiftClient:
    """One database, as the session's identity."""

    def __init__(self, session: boto3.Session, warehouse: Warehouse, *, attempts: int = ATTEMPTS) -> None:
        with translated("make a client of Redshift's Data API", str(warehouse)):
            self._data = session.client("redshift-data", config=client_config(attempts=attempts))
        self._target: Any = warehouse.target
        self._where = str(warehouse)

    def submit(self, name: str, statements: Sequence[str], *, token: str) -> str:
        """The id of the batch, one transaction; the API remembers ``token`` for 8 hours, and answers alike."""
        with translated("have Redshift run statements", f"{name} on {self._where}"):
            answer = self._data.batch_execute_statement(
                Sqls=[*statements], StatementName=name, ClientToken=token, **self._target
            )
        return str(answer["Id"])

    def named(self, prefix: str) -> list[Statement]:
        """The batches that this role, in any session, has had run within a day; those that failed among them."""
        with translated("list statements", f"{prefix}* on {self._where}"):
            pages = self._data.get_paginator("list_statements").paginate(**listing(prefix, self._target))
            found = [statement_of(told) for page in pages for told in page["Statements"]]
        oldest = datetime.min.replace(tzinfo=UTC)
        return sorted(found, key=lambda each: each.created_at or oldest, reverse=True)

    def describe(self, statement_id: str) -> Statement:
        """The batch as it is now, with its parts. Raises NotFoundError for an id that is unknown, or a day old."""
        with translated("describe a statement", f"{statement_id} on {self._where}"):
            return statement_of(self._data.describe_statement(Id=statement_id))

    def rows(self, statement_id: str) -> list[dict[str, Any]]:
        """The rows, by the names of their columns."""
        with translated("read a statement's result", f"{statement_id} on {self._where}"):
            pages = [*self._data.get_paginator("get_statement_result").paginate(Id=statement_id)]
        names = [column.get("label") or column.get("name", "") for column in pages[0].get("ColumnMetadata", [])]
        records = [record for page in pages for record in page["Records"]]
        return [dict(zip(names, map(_value, record), strict=True)) for record in records]

    def cancel(self, statement_id: str) -> None:
        """Stop the batch; one that has ended, or is forgotten, is left as it is."""
        try:
            with translated("cancel a statement", f"{statement_id} on {self._where}"):
                self._data.cancel_statement(Id=statement_id)
        except NotFoundError:
            return
        except RefusedError:
            if not self.describe(statement_id).state.is_ended:
                raise


def listing(prefix: str, target: Mapping[str, str]) -> dict[str, Any]:
    """What ListStatements is asked: without a status it would tell of finished ones only."""
    return {"StatementName": prefix, "Status": "ALL", "RoleLevel": True, **target}


def statement_of(told: Mapping[str, Any]) -> Statement:
    """The batch in DescribeStatement's or ListStatements' words."""
    created = told.get("CreatedAt")
    return Statement(
        statement_id=told["Id"],
        state=_state(told["Status"], told["Id"]),
        name=told.get("StatementName", ""),
        error=told.get("Error", ""),
        created_at=created.astimezone(UTC) if created is not None else None,
        parts=tuple(_part(each) for each in told.get("SubStatements", [])),
    )


def _part(told: Mapping[str, Any]) -> SubStatement:
    state = _state(told.get("Status", StatementState.SUBMITTED), told["Id"])
    return SubStatement(told["Id"], state, told.get("Error", ""), max(0, int(told.get("RedshiftQueryId", 0))))


def _value(field: Mapping[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()), None)


def _state(text: str, resource: str) -> StatementState:
    try:
        return StatementState(text)
    except ValueError as error:
        raise ProtocolError(
            "read a state",
            resource=resource,
            came_back=f"{text!r}",
            remedy="upgrade druid-reindex: Redshift's Data API has a new state",
        ) from error
