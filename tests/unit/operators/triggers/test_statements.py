"""The trigger of Redshift's statements."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from async_twins import AsyncFakeRedshift, opened
from druid_reindex.model.warehouse import StatementState
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.statements import RedshiftStatementTrigger
from twins import BatchError, FakeRedshift


@pytest.fixture
def redshift(monkeypatch: pytest.MonkeyPatch) -> AsyncFakeRedshift:
    twin = AsyncFakeRedshift(FakeRedshift(polls=2))
    monkeypatch.setattr(connections, "async_redshift", opened(twin))
    return twin


def trigger(statement_id: str, **changes: Any) -> RedshiftStatementTrigger:
    deadline = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
    common = {"conn_id": "phi", "poll_seconds": 0.01, "deadline": deadline, "region": "us-east-1"}
    return RedshiftStatementTrigger(**common | {"statement_id": statement_id} | changes)


async def why(each: RedshiftStatementTrigger) -> str:
    (payload,) = [event.payload async for event in each.run()]
    return str(payload["why"])


def test_it_fires_when_the_batch_has_ended(redshift: AsyncFakeRedshift) -> None:
    statement_id = redshift.redshift.submit("drx_a", ["SELECT 1"], token="a")
    assert asyncio.run(why(trigger(statement_id))) == f"statement {statement_id} is FINISHED"


def test_a_failed_batch_is_for_the_task_to_find_out_about(redshift: AsyncFakeRedshift) -> None:
    def fail(_name: str, _statements: Any) -> Any:
        raise BatchError(0, "ERROR: a value of Ann's")

    redshift.redshift.run = fail
    statement_id = redshift.redshift.submit("drx_a", ["SELECT 1"], token="a")
    assert asyncio.run(why(trigger(statement_id))) == f"statement {statement_id} is FAILED"


def test_one_look_asks_for_all_that_wait(redshift: AsyncFakeRedshift) -> None:
    ids = [redshift.redshift.submit(f"drx_{n}", ["SELECT 1"], token=str(n)) for n in range(5)]

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(why(trigger(each)) for each in ids))

    assert len(asyncio.run(all_of_them())) == 5
    assert redshift.calls["statements"] < 6


def test_killed_it_cancels_the_batch(redshift: AsyncFakeRedshift) -> None:
    statement_id = redshift.redshift.submit("drx_a", ["SELECT 1"], token="a")
    asyncio.run(trigger(statement_id).on_kill())
    assert redshift.redshift.batches[statement_id].state is StatementState.ABORTED


def test_an_unknown_batch_is_said_to_be_so(redshift: AsyncFakeRedshift) -> None:
    assert "no such query" in asyncio.run(why(trigger("unknown")))
