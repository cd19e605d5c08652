"""The Data API's operations. Each takes the request's JSON object and who asks, and returns the answer's object.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from druid_reindex.sandbox.aws.gate import databases
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.redshift import model, requests, results, views
from druid_reindex.sandbox.aws.redshift.model import Asked, State, Statement
from druid_reindex.sandbox.aws.redshift.refusals import ApiRefusal, not_found, validation
from druid_reindex.sandbox.aws.redshift.results import Kept
from druid_reindex.sandbox.aws.redshift.runner import Runner

Json = dict[str, Any]

WORKERS = 8
MAX_ACTIVE = 500
RESULTS_LIVE, TOKENS_LIVE = timedelta(hours=24), timedelta(hours=8)
MAX_LISTED = 100
ALL = "ALL"
NO_RESULT = "Query does not have result. Please check query status with DescribeStatement."


class DataApi:
    """Statements of one account: submitted, run side by side, and forgotten after a day."""

    def __init__(self, runner: Runner, now: Callable[[], datetime] = model.now) -> None:
        self._runner = runner
        self._now = now
        self._statements: dict[str, Statement] = {}
        self._tokens: dict[tuple[str, str], Statement] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="redshift")

    def stop(self) -> None:
        """Cancel what runs and wait until nothing does."""
        for statement in list(self._statements.values()):
            if not statement.ended:
                self._runner.cancel(statement)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def execute(self, request: Json, caller: Caller) -> Json:
        """ExecuteStatement."""
        return self._submit(requests.asked(request, caller, is_batch=False), request, caller)

    def batch(self, request: Json, caller: Caller) -> Json:
        """BatchExecuteStatement: all of it in one transaction."""
        return self._submit(requests.asked(request, caller, is_batch=True), request, caller)

    def describe(self, request: Json, caller: Caller) -> Json:
        """DescribeStatement."""
        statement = self._own(request["Id"], caller)
        _wait(statement, request)
        return views.described(statement)

    def result(self, request: Json, caller: Caller) -> Json:
        """GetStatementResult."""
        kept, statement = self._result(request, caller)
        if statement.asked.csv:
            raise validation("The result format is CSV: use GetStatementResultV2.")
        rows, following = results.page(kept, request.get("NextToken"))
        return _paged(views.result(kept, rows), following)

    def result_as_csv(self, request: Json, caller: Caller) -> Json:
        """GetStatementResultV2, of statements that asked for CSV."""
        kept, statement = self._result(request, caller)
        if not statement.asked.csv:
            raise validation("The result format is JSON: use GetStatementResult.")
        rows, following = results.page(kept, request.get("NextToken"))
        return _paged(views.result_as_csv(kept, rows), following)

    def list(self, request: Json, caller: Caller) -> Json:
        """ListStatements: the newest first; without a status those that are finished."""
        self._expire()
        wanted = request.get("Status") or str(State.FINISHED)
        name = request.get("StatementName") or ""
        found = [
            each
            for each in reversed(list(self._statements.values()))
            if each.asked.owner == caller.principal.identity
            and (request.get("RoleLevel", True) or each.asked.session == caller.principal.arn)
            and wanted in {ALL, each.state}
            and each.asked.name.startswith(name)
            and _is_for(each.asked, request)
        ]
        start = _start(request.get("NextToken"), found)
        size = min(int(request.get("MaxResults") or MAX_LISTED), MAX_LISTED)
        chosen = found[start : start + size]
        following = _token(chosen[-1].id) if start + size < len(found) else None
        return _paged({"Statements": [views.listed(each) for each in chosen]}, following)

    def cancel(self, request: Json, caller: Caller) -> Json:
        """CancelStatement: True once the engine was told."""
        statement = self._own(request["Id"], caller)
        if statement.ended:
            raise validation(
                f"Could not cancel a query that is already in {statement.state} state with ID: {statement.id}"
            )
        self._runner.cancel(statement)
        return {"Status": True}

    def _submit(self, asked: Asked, request: Json, caller: Caller) -> Json:
        self._expire()
        with self._lock:
            statement = self._known(asked)
            if statement is None:
                statement = self._add(asked, caller)
        _wait(statement, request)
        answer = views.submitted(statement)
        return answer | views.progress(statement) if request.get("WaitTimeSeconds") else answer

    def _known(self, asked: Asked) -> Statement | None:
        """The statement that the token stands for. Raises ApiRefusal when that was another one."""
        found = self._tokens.get((asked.owner, asked.token)) if asked.token else None
        if found is None or self._now() - found.created > TOKENS_LIVE:
            return None
        if (found.asked.sqls, found.asked.parameters) != (asked.sqls, asked.parameters):
            raise validation("The client token was used before, for another statement.")
        return found

    def _add(self, asked: Asked, caller: Caller) -> Statement:
        if sum(not each.ended for each in self._statements.values()) >= MAX_ACTIVE:
            raise ApiRefusal("ActiveStatementsExceededException", "Active statements exceeded the allowed limit.")
        statement = Statement(asked)
        self._statements[statement.id] = statement
        if asked.token:
            self._tokens[asked.owner, asked.token] = statement
        databases.remember_owner(statement.id, caller)
        self._pool.submit(self._runner.run, statement)
        return statement

    def _own(self, statement_id: str, caller: Caller) -> Statement:
        """The statement, which only the identity that submitted it sees. Raises ApiRefusal."""
        self._expire()
        found = self._statements.get(str(statement_id).partition(":")[0])
        if found is None or found.asked.owner != caller.principal.identity:
            raise not_found(str(statement_id))
        return found

    def _result(self, request: Json, caller: Caller) -> tuple[Kept, Statement]:
        statement = self._own(request["Id"], caller)
        _wait(statement, request)
        found = self._runner.kept.get(request["Id"])
        if found is None or statement.state is not State.FINISHED:
            raise validation(NO_RESULT)
        return found, statement

    def _expire(self) -> None:
        with self._lock:
            old = [each for each in self._statements.values() if self._is_old(each)]
            for statement in old:
                self._runner.forget(statement)
                del self._statements[statement.id]
                self._tokens.pop((statement.asked.owner, statement.asked.token), None)

    def _is_old(self, statement: Statement) -> bool:
        return statement.ended and self._now() - statement.updated > RESULTS_LIVE


def _is_for(asked: Asked, request: Json) -> bool:
    target = asked.target
    return (
        request.get("Database") in {None, target.database}
        and request.get("ClusterIdentifier") in {None, "" if target.is_workgroup else target.name}
        and request.get("WorkgroupName") in {None, target.name if target.is_workgroup else ""}
    )


def _wait(statement: Statement, request: Json) -> None:
    seconds = request.get("WaitTimeSeconds")
    if seconds:
        statement.wait_ended(float(seconds))


def _paged(answer: Json, following: str | None) -> Json:
    return answer | ({"NextToken": following} if following else {})


def _token(statement_id: str) -> str:
    return base64.urlsafe_b64encode(statement_id.encode()).decode()


def _start(token: str | None, found: Iterable[Statement]) -> int:
    """Where a page begins: after the statement that the token names."""
    if not token:
        return 0
    for number, each in enumerate(found, 1):
        if _token(each.id) == token:
            return number
    raise validation("The next token is not valid.")
