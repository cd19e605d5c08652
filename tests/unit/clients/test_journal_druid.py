"""Each request that is sent to Druid is a line, and no line tells a query, a body or a password."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from druid_reindex.clients.druid_async import AsyncDruid
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp
from druid_reindex.clients.journal import SPOOL_VARIABLE, Journal, journalled
from druid_reindex.errors import NoAnswerError
from druid_reindex.model.druid_call import DruidCall
from druid_server import unhurried
from journals import BINDING, RUN, calls_in

CONFIG = DruidConfig(
    "https://druid:8290", "https://druid:8281", "https://druid:8282", user="phi", password="canary-password",
    leader_hosts=("other:8290",),
)  # fmt: skip
Handle = Callable[[httpx.Request], httpx.Response]
SQL = Ask(
    "query Druid", "POST", "https://druid:8282/druid/v2/sql", body={"query": "canary-sql"}, params={"p": "canary-query"}
)


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Journal]:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    with journalled(BINDING) as made:
        yield made


def http(handle: Handle) -> DruidHttp:
    return DruidHttp(CONFIG, transport=httpx.MockTransport(handle), pace=unhurried())


def druid_calls(journal: Journal) -> list[DruidCall]:
    return [call for call in calls_in(journal.path) if isinstance(call, DruidCall)]


def test_an_answer_with_the_name_that_druid_gave_the_query(journal: Journal) -> None:
    answer = httpx.Response(200, headers={"x-druid-sql-query-id": "q-1"}, text="canary-answer")
    http(lambda _: answer).run(SQL, lambda response: response.status_code)
    (call,) = druid_calls(journal)
    assert (call.server, call.method, call.path, call.user) == ("druid:8282", "POST", "/druid/v2/sql", "phi")
    assert (call.status, call.error, call.query_id) == (200, None, "q-1")
    assert (call.run, call.task) == (str(RUN), "reindex.3.2")
    assert "canary" not in journal.path.read_text()


def test_repetitions_refusals_and_lost_answers_are_calls(journal: Journal) -> None:
    answers: list[httpx.Response | Exception] = [httpx.ReadError("canary-error"), httpx.Response(503)]

    def handle(_request: httpx.Request) -> httpx.Response:
        given = answers.pop(0) if answers else httpx.Response(200)
        if isinstance(given, Exception):
            raise given
        return given

    http(handle).run(SQL, lambda response: response.status_code)
    assert [(call.status, call.error) for call in druid_calls(journal)] == [
        (None, "ReadError"), (503, None), (200, None),
    ]  # fmt: skip
    assert "canary" not in journal.path.read_text()


def test_a_redirect_is_a_call_at_each_server(journal: Journal) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        to = {"location": "https://other:8290/status"}
        return httpx.Response(307, headers=to) if request.url.host == "druid" else httpx.Response(200)

    http(handle).run(Ask("look", "GET", "https://druid:8290/status"), lambda response: response.status_code)
    assert [(call.server, call.status) for call in druid_calls(journal)] == [("druid:8290", 307), ("other:8290", 200)]


def test_on_asyncio_too(journal: Journal) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if "lost" in request.url.path:
            raise httpx.ConnectTimeout("gone")
        return httpx.Response(200, json={"task": "t", "status": {"id": "t", "statusCode": "RUNNING", "duration": -1}})

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
            druid = AsyncDruid(CONFIG, client)
            await druid.task_statuses([f"t-{n}" for n in range(50)])
            with pytest.raises(NoAnswerError):
                await druid.task_statuses(["lost"])

    asyncio.run(ask())
    calls = druid_calls(journal)
    assert {call.path for call in calls if call.status == 200} == {
        f"/druid/indexer/v1/task/t-{n}/status" for n in range(50)
    }
    assert [call.error for call in calls if call.status is None] == ["ConnectTimeout"]


def test_without_a_journal_nothing_is_written(tmp_path: Path) -> None:
    http(lambda _: httpx.Response(200)).run(SQL, lambda response: response.status_code)
    assert list(tmp_path.iterdir()) == []
