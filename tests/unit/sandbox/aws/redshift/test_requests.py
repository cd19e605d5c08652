"""What a submission says."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.redshift import requests, targets
from druid_reindex.sandbox.aws.redshift.model import Asked, Target
from druid_reindex.sandbox.aws.redshift.refusals import ApiRefusal

ARN = "arn:aws:iam::111122223333:user/tester"
CALLER = Caller(Principal(ARN, ARN, "111122223333"))


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, target: Target) -> None:
    monkeypatch.setattr(targets, "target", lambda _: target)
    monkeypatch.setattr(targets, "master", lambda _: "boss")


def ask(*, is_batch: bool = False, **request: Any) -> Asked:
    return requests.asked(request, CALLER, is_batch=is_batch)


def test_a_statement() -> None:
    found = ask(Sql="SELECT :a", Parameters=[{"name": "a", "value": "1"}], StatementName="n", ClientToken="t")
    assert (found.user, found.owner, found.sqls, found.parameters) == ("IAM:tester", ARN, ("SELECT :a",), (("a", "1"),))
    assert ask(Sql="SELECT 1", DbUser="boss").user == "boss"
    assert ask(Sql="SELECT 1", DbUser="IAMR:X").user == "IAMR:X"


def test_parameters_are_a_batchs_together() -> None:
    given = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    assert ask(is_batch=True, Sqls=["SELECT :a", "SELECT :b"], Parameters=given).parameters == (("a", "1"), ("b", "2"))
    with pytest.raises(ApiRefusal, match=r"Unused parameters: \[b\]"):
        ask(is_batch=True, Sqls=["SELECT :a"], Parameters=given)


def test_the_limit_is_100_kb_a_statement() -> None:
    most = "SELECT '" + "x" * (requests.MAX_SQL_BYTES - 9) + "'"
    assert ask(Sql=most).sqls == (most,)
    with pytest.raises(ApiRefusal, match="100 KB") as raised:
        ask(Sql=most + " ")
    assert raised.value.code == "ValidationException"
    with pytest.raises(ApiRefusal, match="100 KB"):
        ask(is_batch=True, Sqls=["SELECT 1", most + " "])


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"Sqls": ["SELECT 1"] * 41}, "limit of 40"),
        ({"Sqls": []}, "required"),
        ({"Sqls": ["SELECT 1"], "SessionId": "x"}, "SessionId"),
        ({"Sqls": ["SELECT 1"], "ExecutionMode": "AUTO_COMMIT"}, "AUTO_COMMIT"),
        ({"Sqls": ["SELECT 1"], "DbUser": "somebody"}, "does not exist"),
    ],
)
def test_what_is_refused(request_: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiRefusal, match=said):
        ask(is_batch=True, **request_)
