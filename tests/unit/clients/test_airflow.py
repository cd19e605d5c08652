"""Airflow's REST API, on answers as Airflow 3.3 gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from druid_reindex.clients.airflow import AirflowApi, AirflowConfig, DagRun, TaskInstance
from druid_reindex.errors import (
    ConfigurationError,
    ConflictError,
    DruidReindexError,
    NoAnswerError,
    NotAuthorizedError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)

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
    config = AirflowConfig("http://127.0.0.1:6", user="admin", password="clear-text-pw")
    with AirflowApi(config, httpx.MockTransport(server)) as api:
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
        pytest.raises(RefusedError, match=r"422.*no such pool.*api-server"),
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


def test_a_token_is_shown_as_it_is() -> None:
    server = Server({"GET /api/v2/importErrors": httpx.Response(200, json={"import_errors": []})})
    config = AirflowConfig("https://airflow.internal", token="given")
    with AirflowApi(config, httpx.MockTransport(server)) as api:
        api.import_errors()
    (asked,) = server.asked
    assert asked.headers["Authorization"] == "Bearer given"
    assert "given" not in repr(config)


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("airflow:8080", {"token": "t"}, "not an http"),
        ("https://a:b@airflow", {"token": "t"}, "carries credentials"),
        ("http://airflow.internal", {"token": "t"}, "clear text"),
        ("https://airflow.internal", {}, "neither a token nor"),
        ("https://airflow.internal", {"user": "u"}, "neither a token nor"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(url: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        AirflowConfig(url, **options)


def test_a_run_or_none() -> None:
    found = {"dag_id": "d", "dag_run_id": "r", "state": "running", "start_date": "2026-10-06T02:30:00Z"}
    answers: dict[str, Answer] = {
        "GET /api/v2/dags/d/dagRuns/r": httpx.Response(200, json=found),
        "GET /api/v2/dags/d/dagRuns/gone": httpx.Response(404, json={"detail": "not found"}),
    }
    with signed_in(answers) as (api, _):
        run = api.run("d", "r")
        assert run == DagRun("d", "r", "running", datetime(2026, 10, 6, 2, 30, tzinfo=UTC))
        assert run is not None
        assert run.is_live
        assert api.run("d", "gone") is None


def test_live_runs_are_read_page_by_page() -> None:
    runs = [{"dag_id": "d", "dag_run_id": f"r{n}", "state": "queued"} for n in range(150)]

    def page(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        return httpx.Response(200, json={"dag_runs": runs[offset : offset + min(limit, 100)]})

    with signed_in({"GET /api/v2/dags/~/dagRuns": page}) as (api, server):
        assert [run.run_id for run in api.live_runs()] == [f"r{n}" for n in range(150)]
    assert server.asked[1].url.params.get_list("state") == ["queued", "running"]


def test_the_latest_run() -> None:
    newest = {"dag_id": "d", "dag_run_id": "r9", "state": "failed"}
    with signed_in({"GET /api/v2/dags/d/dagRuns": httpx.Response(200, json={"dag_runs": [newest]})}) as (api, server):
        assert api.latest_run("d") == DagRun("d", "r9", "failed")
    assert dict(server.asked[-1].url.params) == {"order_by": "-run_after", "limit": "1"}
    with signed_in({"GET /api/v2/dags/d/dagRuns": httpx.Response(200, json={"dag_runs": []})}) as (api, _):
        assert api.latest_run("d") is None


def test_states_are_set_and_one_that_is_there_already_is_left() -> None:
    answers: dict[str, Answer] = {
        "PATCH /api/v2/dags/d/dagRuns/r": httpx.Response(200, json={}),
        "PATCH /api/v2/dags/d/dagRuns/r/taskInstances/plan": httpx.Response(409, json={"detail": "is already"}),
        "PATCH /api/v2/dags/d/dagRuns/r/taskInstances/reindex/3": httpx.Response(200, json={}),
        "PATCH /api/v2/dags/d": httpx.Response(200, json={}),
    }
    with signed_in(answers) as (api, server):
        api.set_run_state("d", "r", "failed")
        api.set_task_state("d", "r", PLAN, "failed")
        api.set_task_state("d", "r", TaskInstance("reindex", 3, "running", 0, 1), "failed")
        api.pause("d")
    assert [body(each) for each in server.asked[1:]] == [
        {"state": "failed"}, {"new_state": "failed"}, {"new_state": "failed"}, {"is_paused": True},
    ]  # fmt: skip


def test_tasks_are_cleared_by_name_and_by_index() -> None:
    cleared = {"task_id": "reindex", "map_index": 1, "state": None, "duration": None, "try_number": 1}
    answer = httpx.Response(200, json={"task_instances": [cleared]})
    with signed_in({"POST /api/v2/dags/d/clearTaskInstances": answer}) as (api, server):
        assert api.clear("d", "r", ["cluster_up", ("reindex", 1)]) == ["reindex[1]"]
    assert body(server.asked[-1]) == {
        "dry_run": False, "dag_run_id": "r", "task_ids": ["cluster_up", ["reindex", 1]],
        "only_failed": False, "reset_dag_runs": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError), (401, NotAuthorizedError), (403, NotAuthorizedError), (404, NotFoundError),
        (409, ConflictError), (422, RefusedError), (429, ThrottledError), (500, UnavailableError),
        (503, UnavailableError),
    ],
)  # fmt: skip
def test_each_status_is_an_error_of_ours(status: int, kind: type[DruidReindexError]) -> None:
    with (
        signed_in({"GET /api/v2/importErrors": httpx.Response(status, text="because")}) as (api, _),
        pytest.raises(DruidReindexError, match="because") as raised,
    ):
        api.import_errors()
    assert type(raised.value) is kind


def test_a_page_that_is_not_airflows_is_told() -> None:
    page = httpx.Response(200, text="<html>sign in</html>")
    with signed_in({"GET /api/v2/importErrors": page}) as (api, _), pytest.raises(ProtocolError, match="login page"):
        api.import_errors()


def test_a_refused_password_is_not_quoted() -> None:
    refused = httpx.Response(422, json={"detail": [{"input": {"password": "clear-text-pw"}}]})
    with pytest.raises(RefusedError) as raised, signed_in({"POST /auth/token": refused}):
        pass
    assert "clear-text-pw" not in str(raised.value)


def test_requests_have_the_shape_that_the_installed_airflow_reads() -> None:
    from airflow.api_fastapi.core_api.datamodels.dag_run import DAGRunPatchBody, TriggerDAGRunPostBody
    from airflow.api_fastapi.core_api.datamodels.dags import DAGPatchBody
    from airflow.api_fastapi.core_api.datamodels.task_instances import ClearTaskInstancesBody, PatchTaskInstanceBody

    ok = httpx.Response(200, json={"dag_run_id": "r", "task_instances": []})
    dag, run = "/api/v2/dags/d", "/api/v2/dags/d/dagRuns/r"
    read = {
        f"PATCH {dag}": DAGPatchBody, f"POST {dag}/dagRuns": TriggerDAGRunPostBody, f"PATCH {run}": DAGRunPatchBody,
        f"PATCH {run}/taskInstances/plan": PatchTaskInstanceBody,
        f"POST {dag}/clearTaskInstances": ClearTaskInstancesBody,
    }  # fmt: skip
    with signed_in(dict.fromkeys(read, ok)) as (api, server):
        api.pause("d")
        api.trigger("d", {"force": True})
        api.set_run_state("d", "r", "failed")
        api.set_task_state("d", "r", PLAN, "failed")
        api.clear("d", "r", ["cluster_up", ("reindex", 1)])
    for request in server.asked[1:]:
        model: Any = read[f"{request.method} {request.url.path}"]
        model.model_validate(body(request))


def test_a_failure_is_what_the_task_runner_logged_with_the_task_and_no_callback_hides_it() -> None:
    failed = {"event": "Task failed with exception", "error_detail": [
        {"exc_type": "AirflowFailException", "exc_value": "out of memory"}, {"exc_type": "Cause", "exc_value": "heap"},
    ]}  # fmt: skip
    later = {"event": "Failed to run task callback", "error_detail": [{"exc_type": "ValueError", "exc_value": "no"}]}
    path = "/api/v2/dags/d/dagRuns/r/taskInstances/plan/logs/1"
    with signed_in({f"GET {path}": httpx.Response(200, json={"content": ["::group::", failed, later]})}) as (api, _):
        assert api.failure("d", "r", PLAN) == "out of memory"
    with signed_in({f"GET {path}": httpx.Response(404)}) as (api, _):
        assert not api.failure("d", "r", PLAN)
