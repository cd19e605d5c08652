"""Airflow's REST API, on answers as Airflow 3.3 gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from druid_reindex.errors import NoAnswerError, RefusedError
from druid_reindex.sandbox.airflow_api import AirflowApi, TaskInstance

RUN = "manual__2026-10-06T02:30:00+00:00"
PLAN = TaskInstance("plan", -1, "success", 3.0, 1)
Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers by method and raw path, and keeps what it was asked; anyone may sign in."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = {"POST /auth/token": httpx.Response(201, json={"access_token": "signed"})} | answers
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[f"{request.method} {request.url.raw_path.decode().split('?')[0]}"]
        return answer if isinstance(answer, httpx.Response) else answer(request)


@contextmanager
def signed_in(answers: dict[str, Answer]) -> Iterator[tuple[AirflowApi, Server]]:
    server = Server(answers)
    with AirflowApi("http://127.0.0.1:6", "admin", "clear-text-pw", httpx.MockTransport(server)) as api:
        yield api, server


def body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_it_signs_in_once_and_shows_its_token_afterwards() -> None:
    with signed_in({"GET /api/v2/importErrors": httpx.Response(200, json={"import_errors": []})}) as (api, server):
        assert api.import_errors() == []
    assert body(server.asked[0]) == {"username": "admin", "password": "clear-text-pw"}
    assert server.asked[1].headers["Authorization"] == "Bearer signed"


def test_a_pool_that_is_there_already_is_left_as_it_is() -> None:
    with signed_in({"POST /api/v2/pools": httpx.Response(409, json={"detail": "exists"})}) as (api, server):
        api.ensure_pool("druid_reindex_phi", slots=4, description="nights")
    assert body(server.asked[-1])["slots"] == 4


def test_an_unknown_dag_is_none() -> None:
    answers: dict[str, Answer] = {
        "GET /api/v2/dags/known": httpx.Response(200, json={"dag_id": "known"}),
        "GET /api/v2/dags/unknown": httpx.Response(404, json={"detail": "not found"}),
    }
    with signed_in(answers) as (api, _):
        assert api.dag("known") == {"dag_id": "known"}
        assert api.dag("unknown") is None


def test_a_run_is_triggered_with_its_conf() -> None:
    answers: dict[str, Answer] = {
        "PATCH /api/v2/dags/d": httpx.Response(200, json={}),
        "POST /api/v2/dags/d/dagRuns": httpx.Response(200, json={"dag_run_id": RUN}),
    }
    with signed_in(answers) as (api, server):
        api.unpause("d")
        assert api.trigger("d", {"window": "a/b"}) == RUN
    assert body(server.asked[1]) == {"is_paused": False}
    assert body(server.asked[2]) == {"logical_date": None, "conf": {"window": "a/b"}}


def test_the_runs_id_is_one_part_of_the_path() -> None:
    path = "/api/v2/dags/d/dagRuns/manual__2026-10-06T02%3A30%3A00%2B00%3A00"
    tasks = [
        {"task_id": "plan", "map_index": -1, "state": "success", "duration": 3.0, "try_number": 1},
        {"task_id": "reindex", "map_index": 0, "state": None, "duration": None, "try_number": 0},
    ]
    answers: dict[str, Answer] = {
        f"GET {path}": httpx.Response(200, json={"state": "running"}),
        f"GET {path}/taskInstances": httpx.Response(200, json={"task_instances": tasks}),
    }
    with signed_in(answers) as (api, _):
        assert api.run_state("d", RUN) == "running"
        plan, reindex = api.task_instances("d", RUN)
    assert plan == PLAN
    assert (reindex.name, reindex.state, reindex.seconds) == ("reindex[0]", "none", 0.0)


def test_an_xcom_that_is_not_there_is_none() -> None:
    entries = "/api/v2/dags/d/dagRuns/r/taskInstances/plan/xcomEntries"
    answers: dict[str, Answer] = {
        f"GET {entries}/night": httpx.Response(200, json={"value": {"chunks": 35}}),
        f"GET {entries}/return_value": httpx.Response(404, json={"detail": "not found"}),
    }
    with signed_in(answers) as (api, _):
        assert api.xcom("d", "r", "plan", key="night") == {"chunks": 35}
        assert api.xcom("d", "r", "plan") is None


def test_a_log_shows_events_and_what_was_raised() -> None:
    lines = [
        "::group::",
        {"event": "submitting task"},
        {"event": "Task failed", "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "out of memory"}]},
    ]
    path = "/api/v2/dags/d/dagRuns/r/taskInstances/plan/logs/1"
    with signed_in({f"GET {path}": httpx.Response(200, json={"content": lines})}) as (api, server):
        assert api.log("d", "r", PLAN) == [
            "::group::",
            "submitting task",
            "Task failed AirflowFailException: out of memory",
        ]
    assert server.asked[-1].url.params["map_index"] == "-1"


def test_a_refusal_says_what_came_back() -> None:
    refused = httpx.Response(422, json={"detail": "no such pool"})
    with (
        signed_in({"POST /api/v2/pools": refused}) as (api, _),
        pytest.raises(RefusedError, match=r"422.*no such pool.*airflow-api-server"),
    ):
        api.ensure_pool("p", slots=1, description="")


def test_no_answer_may_be_asked_again() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with (
        signed_in({"GET /api/v2/importErrors": silent}) as (api, _),
        pytest.raises(NoAnswerError, match="ConnectError") as error,
    ):
        api.import_errors()
    assert "clear-text-pw" not in str(error.value)
