"""Tests of Druid on asyncio: the loop goes on while it is asked, and answers mean what they mean elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest

from druid_reindex.clients import druid_async
from druid_reindex.clients.druid_async import AsyncDruid, open_druid
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.errors import (
    ConfigurationError,
    NoAnswerError,
    NotAuthorizedError,
    ProtocolError,
    UnavailableError,
)
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval
from druid_server import CONFIG
from gated_server import gated, while_the_loop_goes_on

T = TypeVar("T")
DAY = Interval.parse("2026-09-01/2026-09-02")


def asked(handler: Callable[[httpx.Request], httpx.Response], ask: Callable[[AsyncDruid], Awaitable[T]]) -> T:
    """What ``ask`` returns when ``handler`` answers."""

    async def run() -> T:
        async with open_druid(CONFIG, httpx.MockTransport(handler)) as druid:
            return await ask(druid)

    return asyncio.run(run())


def statuses(druid: AsyncDruid) -> Awaitable[dict[str, Any]]:
    return druid.task_statuses(["a", "b"])


def test_the_loop_goes_on_while_druid_is_asked() -> None:
    body = {"task": "a", "status": {"id": "a", "statusCode": "RUNNING", "duration": -1, "errorMsg": None}}
    with gated(lambda *_: json.dumps(body).encode()) as gate:

        async def ask() -> dict[str, Any]:
            async with open_druid(DruidConfig(gate.url, gate.url, gate.url)) as druid:
                return await druid.task_statuses(["a"])

        assert while_the_loop_goes_on(gate, ask)["a"].state is TaskState.RUNNING


def test_each_task_is_asked_for_by_a_request_that_needs_no_more_than_its_datasource() -> None:
    """``POST /taskStatus`` would be one request for all, for a user with STATE WRITE."""
    requests: list[httpx.Request] = []
    states = {"a": "FAILED", "b": "SUCCESS"}

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        task_id = request.url.path.split("/")[-2]
        if task_id not in states:
            return httpx.Response(404, json={"task": task_id})
        return httpx.Response(200, json={"task": task_id, "status": {"statusCode": states[task_id], "errorMsg": "x"}})

    found = asked(answer, lambda druid: druid.task_statuses(["a", "b", "gone"]))
    assert {name: status.state for name, status in found.items()} == {"a": TaskState.FAILED, "b": TaskState.SUCCESS}
    paths = {(request.method, request.url.path) for request in requests}
    assert paths == {("GET", f"/druid/indexer/v1/task/{name}/status") for name in ("a", "b", "gone")}
    assert all(request.headers["authorization"].startswith("Basic ") for request in requests)


def test_unannounced_segments_are_counted_by_the_broker() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == httpx.URL(CONFIG.broker_url).host
        values = [parameter["value"] for parameter in json.loads(request.content)["parameters"]]
        assert values == ["vitals", "2026-09-02T00:00:00.000Z", "2026-09-01T00:00:00.000Z"]
        return httpx.Response(200, json=[{"n": 3}])

    assert asked(answer, lambda druid: druid.unannounced("vitals", DAY)) == 3


def test_segments_that_are_to_be_dropped_are_counted_where_that_is_asked() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        sql = json.loads(request.content)["query"]
        return httpx.Response(200, json=[{"n": int('"is_published" = 0 AND "is_realtime" = 0' in sql)}])

    assert asked(answer, lambda druid: druid.unannounced("vitals", DAY, swapped=True)) == 1
    assert asked(answer, lambda druid: druid.unannounced("vitals", DAY)) == 0


def test_no_row_is_no_segment() -> None:
    assert asked(lambda _request: httpx.Response(200, json=[]), lambda druid: druid.unannounced("vitals", DAY)) == 0


def test_a_task_that_is_not_known_any_more_is_stopped_already() -> None:
    asked(lambda _request: httpx.Response(404, json={"task": "a"}), lambda druid: druid.shutdown_task("a"))


def test_a_stop_is_asked_for_again_until_it_is_answered_four_times_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(druid_async, "_STOP_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    answers = [503, 429, 200]
    asked(lambda _request: httpx.Response(answers.pop(0)), lambda druid: druid.shutdown_task("a"))
    assert answers == []
    failing = [503] * 5
    with pytest.raises(UnavailableError):
        asked(lambda _request: httpx.Response(failing.pop()), lambda druid: druid.shutdown_task("a"))
    assert len(failing) == 1
    refusing = [403, 200]
    with pytest.raises(NotAuthorizedError):
        asked(lambda _request: httpx.Response(refusing.pop(0)), lambda druid: druid.shutdown_task("a"))
    assert refusing == [200]


def test_a_redirect_to_the_leader_is_followed_and_one_elsewhere_is_not() -> None:
    def to(host: str) -> Callable[[httpx.Request], httpx.Response]:
        def answer(request: httpx.Request) -> httpx.Response:
            if str(request.url).startswith(CONFIG.coordinator_url):
                return httpx.Response(200, json={"status": None})
            return httpx.Response(307, headers={"location": f"{host}{request.url.path}"})

        return answer

    assert asked(to(CONFIG.coordinator_url), statuses) == {}
    with pytest.raises(ConfigurationError, match="a server that the connection does not name"):
        asked(to("https://elsewhere"), statuses)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(401), NotAuthorizedError),
        (httpx.Response(503), UnavailableError),
        (httpx.Response(200, json=[1]), ProtocolError),
        (httpx.Response(200, json={"status": {"statusCode": "ASLEEP"}}), ProtocolError),
        (httpx.Response(404, text="not found"), ProtocolError),
    ],
)
def test_errors_are_of_our_tree(answer: httpx.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        asked(lambda _request: answer, statuses)


def test_no_answer_is_an_error_that_a_later_look_may_mend() -> None:
    def never(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("no")

    with pytest.raises(NoAnswerError):
        asked(never, statuses)
