"""The Data API's operations, with a runner that does nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.redshift import backend, model, targets
from druid_reindex.sandbox.aws.redshift.backend import DataApi
from druid_reindex.sandbox.aws.redshift.model import State, Statement, Target
from druid_reindex.sandbox.aws.redshift.refusals import ApiRefusal


class Clock:
    later = timedelta()

    def __call__(self) -> Any:
        return model.now() + self.later


class Finisher:
    """Ends each statement at once, but those of which the SQL says `wait`."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.forgotten: list[str] = []

    def run(self, statement: Statement) -> None:
        if "wait" not in statement.asked.sqls[0]:
            statement.move(State.FINISHED)

    def cancel(self, statement: Statement) -> None:
        statement.move(State.ABORTED)

    def forget(self, statement: Statement) -> None:
        self.forgotten.append(statement.id)


def caller(role: str = "One", session: str = "s") -> Caller:
    identity = f"arn:aws:iam::111122223333:role/{role}"
    return Caller(Principal(f"arn:aws:sts::111122223333:assumed-role/{role}/{session}", identity, "111122223333"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def finisher() -> Finisher:
    return Finisher()


@pytest.fixture
def api(clock: Clock, finisher: Finisher, target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataApi]:
    monkeypatch.setattr(targets, "target", lambda _: target)
    made: Any = finisher
    found = DataApi(made, clock)
    yield found
    found.stop()


def submit(api: DataApi, who: Caller, sql: str = "SELECT 1", **more: Any) -> str:
    return str(api.execute({"Sql": sql, "WaitTimeSeconds": 0 if "wait" in sql else 5, **more}, who)["Id"])


def test_a_statement_belongs_to_its_identity(api: DataApi) -> None:
    found = submit(api, caller(session="a"))
    assert api.describe({"Id": found}, caller(session="b"))["Status"] == "FINISHED"
    with pytest.raises(ApiRefusal, match="Query does not exist"):
        api.describe({"Id": found}, caller("Two"))
    assert [each["Id"] for each in api.list({"RoleLevel": False}, caller(session="a"))["Statements"]] == [found]
    assert api.list({"RoleLevel": False}, caller(session="b"))["Statements"] == []
    assert api.list({}, caller("Two"))["Statements"] == []


def test_a_token_lives_for_eight_hours_and_results_for_a_day(api: DataApi, clock: Clock, finisher: Finisher) -> None:
    first = submit(api, caller(), ClientToken="t")
    assert submit(api, caller(), ClientToken="t") == first
    with pytest.raises(ApiRefusal, match="another statement"):
        submit(api, caller(), "SELECT 2", ClientToken="t")
    clock.later = timedelta(hours=9)
    second = submit(api, caller(), ClientToken="t")
    assert second != first
    clock.later = timedelta(hours=25)
    with pytest.raises(ApiRefusal, match="Query does not exist"):
        api.describe({"Id": first}, caller())
    assert finisher.forgotten[0] == first


def test_cancel_is_for_what_runs(api: DataApi) -> None:
    found = submit(api, caller(), "SELECT 'wait'")
    assert api.cancel({"Id": found}, caller()) == {"Status": True}
    with pytest.raises(ApiRefusal, match="already in ABORTED state"):
        api.cancel({"Id": found}, caller())
    with pytest.raises(ApiRefusal, match="does not have result"):
        api.result({"Id": found}, caller())


def test_so_many_may_be_active(api: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "MAX_ACTIVE", 1)
    submit(api, caller(), "SELECT 'wait'")
    with pytest.raises(ApiRefusal) as raised:
        submit(api, caller())
    assert raised.value.code == "ActiveStatementsExceededException"


def test_lists_by_state_target_and_page(api: DataApi) -> None:
    made = [submit(api, caller(), StatementName=f"n{number}") for number in range(3)]
    first = api.list({"MaxResults": 2, "StatementName": "n"}, caller())
    rest = api.list({"MaxResults": 2, "StatementName": "n", "NextToken": first["NextToken"]}, caller())
    assert [each["Id"] for each in first["Statements"] + rest["Statements"]] == made[::-1]
    assert api.list({"Status": "FAILED"}, caller())["Statements"] == []
    assert api.list({"ClusterIdentifier": "other"}, caller())["Statements"] == []
    assert len(api.list({"ClusterIdentifier": "drx", "Database": "nights"}, caller())["Statements"]) == 3
    with pytest.raises(ApiRefusal, match="next token"):
        api.list({"NextToken": "bogus"}, caller())


def test_a_batch_waits_for_its_end(api: DataApi) -> None:
    answer = api.batch({"Sqls": ["SELECT 1", "SELECT 2"], "WaitTimeSeconds": 5}, caller())
    assert answer["Status"] == "FINISHED"
    with pytest.raises(ApiRefusal, match="does not have result"):
        api.result_as_csv({"Id": answer["Id"]}, caller())
