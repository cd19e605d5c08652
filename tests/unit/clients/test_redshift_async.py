"""Redshift's Data API on asyncio: the loop goes on, and one list answers for many."""

from __future__ import annotations

import json

import pytest
from aiobotocore.session import get_session

from druid_reindex.clients.redshift_async import open_redshift
from druid_reindex.model.warehouse import Statement, StatementState
from gated_server import gated, while_the_loop_goes_on

IDS = [f"d9b6c0c9-0747-4bf4-b142-e8883122f76{n}" for n in range(4)]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "an example")


def answers(_path: str, target: str) -> bytes:
    operation = target.rpartition(".")[2]
    known: dict[str, object] = {
        "ListStatements": {"Statements": [{"Id": each, "Status": "STARTED"} for each in IDS[:3]]},
        "DescribeStatement": {"Id": IDS[3], "Status": "FINISHED"},
        "CancelStatement": {"Status": True},
    }
    return json.dumps(known[operation]).encode()


def asked_for(monkeypatch: pytest.MonkeyPatch, *ids: str) -> tuple[dict[str, Statement], list[str]]:
    """What is told of the statements, and which operations told it."""
    asked: list[str] = []

    def remember(path: str, target: str) -> bytes:
        asked.append(target.rpartition(".")[2])
        return answers(path, target)

    with gated(remember) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)

        async def ask() -> dict[str, Statement]:
            async with open_redshift(get_session, "us-east-1") as redshift:
                return await redshift.statements(frozenset(ids))

        return while_the_loop_goes_on(gate, ask), asked


def test_many_statements_are_one_list_and_what_it_lacks_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = asked_for(monkeypatch, *IDS)
    assert {each: told.state for each, told in found.items()} == dict.fromkeys(
        IDS[:3], StatementState.STARTED
    ) | {IDS[3]: StatementState.FINISHED}  # fmt: skip
    assert asked == ["ListStatements", "DescribeStatement"]


def test_one_statement_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = asked_for(monkeypatch, IDS[3])
    assert [*found] == [IDS[3]]
    assert asked == ["DescribeStatement"]


def test_a_statement_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    with gated(answers) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)

        async def end() -> None:
            async with open_redshift(get_session, "us-east-1") as redshift:
                await redshift.cancel(IDS[0])

        while_the_loop_goes_on(gate, end)
        assert gate.asked == 1
