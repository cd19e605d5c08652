"""Airflow's REST API v2, as far as the night's operators and the sandbox need it.

Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/stable-rest-api-ref.html
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

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
from druid_reindex.model.interval import parse_instant

ANY_DAG = "~"
LIVE_STATES = ("queued", "running")
_PAGE = 100
_FAILED = "Task failed with exception"  # what Airflow's task runner logs with the exception
_SIGN_IN = "/auth/token"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_NOT_FOUND = frozenset({404})
_STATUSES: Mapping[int, tuple[type[DruidReindexError], str]] = {
    401: (NotAuthorizedError, "sign in again: set AIRFLOW_TOKEN, or AIRFLOW_USER and AIRFLOW_PASSWORD"),
    403: (NotAuthorizedError, "ask for the permission in Airflow, or sign in as another user"),
    404: (NotFoundError, "check the DAG's and the run's id in Airflow's UI"),
    409: (ConflictError, "look at the run in Airflow's UI: it changed meanwhile"),
    429: (ThrottledError, "wait, and ask again"),
}

Clearable = str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class AirflowConfig:
    """Where Airflow's api-server is, and who we are: a token, or a user and a password to get one with.

    Raises ConfigurationError for a URL that cannot work, or over which a secret would travel in clear text.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    connect_seconds: float = 10.0
    read_seconds: float = 60.0

    def __post_init__(self) -> None:
        parsed = httpx.URL(self.url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise _unusable(self.url, "it is not an http(s) URL", "write https://host:port")
        if parsed.userinfo:
            raise _unusable(parsed.host, "the URL carries credentials", "name user and password beside it")
        if (self.token or self.password) and parsed.scheme == "http" and parsed.host not in _LOOPBACK:
            raise _unusable(self.url, "token or password would travel in clear text", "write https:// and the CA file")
        if not self.token and not (self.user and self.password):
            raise _unusable(self.url, "neither a token nor user and password", "name one of the two")


@dataclass(frozen=True, slots=True)
class DagRun:
    """One run of a DAG; times are UTC, None while they have not happened."""

    dag_id: str
    run_id: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    queued_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether Airflow still works on it."""
        return self.state in LIVE_STATES


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task instance of a run; ``seconds`` is its duration, ``state`` is "none" before it was scheduled."""

    task_id: str
    map_index: int
    state: str
    seconds: float
    try_number: int
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def name(self) -> str:
        """``reindex[0]`` for a mapped instance, else the task's id."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowApi:
    """A signed-in client; a context manager that closes its connections. Every method raises an error of ``errors``."""

    def __init__(self, config: AirflowConfig, transport: httpx.BaseTransport | None = None) -> None:
        self._config = config
        self._http = httpx.Client(
            base_url=config.url,
            timeout=httpx.Timeout(config.read_seconds, connect=config.connect_seconds),
            trust_env=False,
            transport=transport,
            verify=_tls(config.ca_file),
        )

    def __enter__(self) -> Self:
        config = self._config
        login = {"username": config.user, "password": config.password}
        token = config.token or self._ask("POST", _SIGN_IN, json=login)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ensure_pool(self, name: str, *, slots: int, description: str) -> None:
        """Make the pool unless there is one of that name."""
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        self._ask("POST", "/api/v2/pools", json=pool, also=frozenset({409}))

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG, or None while Airflow does not know it."""
        found = self._ask("GET", _dag(dag_id), also=_NOT_FOUND)
        return found if "dag_id" in found else None

    def import_errors(self) -> list[str]:
        """The stack traces of DAG files that could not be imported."""
        return [error["stack_trace"] for error in self._ask("GET", "/api/v2/importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start."""
        self._ask("PATCH", _dag(dag_id), json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Let no further run, and no further task of a run, start; what runs goes on."""
        self._ask("PATCH", _dag(dag_id), json={"is_paused": True})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """The id of the new run."""
        body = {"logical_date": None, "conf": dict(conf)}
        return str(self._ask("POST", f"{_dag(dag_id)}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> DagRun | None:
        """The run, or None when Airflow does not know it."""
        found = self._ask("GET", _run(dag_id, run_id), also=_NOT_FOUND)
        return _read_run(found) if "state" in found else None

    def run_state(self, dag_id: str, run_id: str) -> str:
        """The run's state: queued, running, success or failed."""
        return str(self._ask("GET", _run(dag_id, run_id))["state"])

    def live_runs(self, dag_id: str = ANY_DAG) -> list[DagRun]:
        """The runs of the DAG (of any DAG) that Airflow still works on."""
        params = {"state": list(LIVE_STATES), "order_by": "id"}
        return [_read_run(each) for each in self._pages(f"{_dag(dag_id)}/dagRuns", "dag_runs", params)]

    def latest_run(self, dag_id: str) -> DagRun | None:
        """The DAG's newest run; None when there was none."""
        params = {"order_by": "-run_after", "limit": "1"}
        found = self._ask("GET", f"{_dag(dag_id)}/dagRuns", params=params)["dag_runs"]
        return _read_run(found[0]) if found else None

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark the run ``success`` or ``failed``: what runs is killed and what waits is skipped, but for teardowns."""
        self._ask("PATCH", _run(dag_id, run_id), json={"state": state})

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """The run's task instances, in the order in which they started."""
        path, params = f"{_run(dag_id, run_id)}/taskInstances", {"order_by": "start_date"}
        return [_read_task(each) for each in self._pages(path, "task_instances", params)]

    def set_task_state(self, dag_id: str, run_id: str, task: TaskInstance, state: str) -> None:
        """Mark one task instance ``success``, ``failed`` or ``skipped``; one that is in that state is left so.

        A running or deferred one is killed. Airflow clears the failed tasks downstream of it, so go down the DAG.
        """
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task.task_id, safe='')}"
        path = path if task.map_index < 0 else f"{path}/{task.map_index}"
        self._ask("PATCH", path, json={"new_state": state}, also=frozenset({409}))

    def clear(self, dag_id: str, run_id: str, tasks: Sequence[Clearable]) -> list[str]:
        """The names of the task instances that were cleared, to run again: of a mapped task all, or one by its index.

        Nothing upstream or downstream of them is cleared; the run is queued again.
        """
        body = {
            "dry_run": False, "dag_run_id": run_id, "task_ids": [_marker(each) for each in tasks],
            "only_failed": False, "reset_dag_runs": True,
        }  # fmt: skip
        found = self._ask("POST", f"{_dag(dag_id)}/clearTaskInstances", json=body)["task_instances"]
        return [_read_task(each).name for each in found]

    def xcom(self, dag_id: str, run_id: str, task: str, *, key: str = "return_value", map_index: int = -1) -> Any:
        """The XCom's value; None when there is none."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task, safe='')}/xcomEntries/{quote(key, safe='')}"
        params = {"map_index": str(map_index), "deserialize": "true"}
        return self._ask("GET", path, params=params, also=_NOT_FOUND).get("value")

    def log(self, dag_id: str, run_id: str, task: TaskInstance) -> list[str]:
        """The lines that the task instance's last try logged."""
        return [_line(entry) for entry in self._log(dag_id, run_id, task)]

    def failure(self, dag_id: str, run_id: str, task: TaskInstance) -> str:
        """What the exception that ended the task instance's last try says; empty when its log has none."""
        for entry in reversed(self._log(dag_id, run_id, task)):
            if isinstance(entry, dict) and entry.get("event") == _FAILED and entry.get("error_detail"):
                return str(entry["error_detail"][0].get("exc_value") or entry["error_detail"][0].get("exc_type") or "")
        return ""

    def _log(self, dag_id: str, run_id: str, task: TaskInstance) -> list[Any]:
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task.task_id, safe='')}/logs/{task.try_number}"
        params = {"map_index": str(task.map_index), "full_content": "true"}
        found = self._ask("GET", path, params=params, headers={"Accept": "application/json"}, also=_NOT_FOUND)
        entries: list[Any] = found.get("content", [])
        return entries

    def _pages(self, path: str, key: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every entry of a listing: Airflow gives at most 100 at a time, whatever is asked for."""
        offset = 0
        while True:
            found = self._ask("GET", path, params={**params, "limit": str(_PAGE), "offset": str(offset)})[key]
            yield from found
            offset += len(found)
            if len(found) < _PAGE:
                return

    def _ask(self, method: str, path: str, *, also: frozenset[int] = frozenset(), **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NoAnswerError(
                f"ask Airflow {method}", resource=path, came_back=type(error).__name__,
                remedy=f"check that Airflow's api-server answers at {self._config.url}",
            ) from error  # fmt: skip
        if answer.is_success or answer.status_code in also:
            return self._json(answer, path)
        kind, remedy = _STATUSES.get(
            answer.status_code, (RefusedError, "correct the request, or read the api-server's log")
        )
        if answer.status_code >= 500:
            kind, remedy = UnavailableError, "read the api-server's log (in the sandbox: airflow-api-server)"
        said = "" if path == _SIGN_IN else f": {answer.text[:500]}"  # which would quote the password
        came_back = f"HTTP {answer.status_code}{said}"
        raise kind(f"ask Airflow {method}", resource=path, came_back=came_back, remedy=remedy)

    def _json(self, answer: httpx.Response, path: str) -> Any:
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise ProtocolError(
                "read Airflow's answer", resource=path, came_back=f"HTTP {answer.status_code} without JSON",
                remedy=f"check that {self._config.url} is Airflow's own, and no proxy or login page",
            ) from error  # fmt: skip


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(str(ca_file), f"{type(error).__name__} in the CA bundle", "name a readable PEM file") from error


def _unusable(resource: str, came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError("connect to Airflow", resource=resource, came_back=came_back, remedy=remedy)


def _dag(dag_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe=ANY_DAG)}"


def _run(dag_id: str, run_id: str) -> str:
    return f"{_dag(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _marker(task: Clearable) -> str | list[str | int]:
    return task if isinstance(task, str) else list(task)


def _read_run(found: Mapping[str, Any]) -> DagRun:
    return DagRun(
        found.get("dag_id", ""),
        found.get("dag_run_id", ""),
        str(found["state"]),
        _instant(found.get("start_date")),
        _instant(found.get("end_date")),
        _instant(found.get("queued_at")),
    )


def _read_task(found: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(
        found["task_id"],
        found["map_index"],
        found["state"] or "none",
        float(found["duration"] or 0),
        found["try_number"],
        _instant(found.get("start_date")),
        _instant(found.get("end_date")),
    )


def _instant(text: str | None) -> datetime | None:
    return parse_instant(text) if text else None


def _line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    details = entry.get("error_detail") or []
    causes = [f"{each.get('exc_type')}: {each.get('exc_value')}" for each in details]
    return " ".join(part for part in (str(entry.get("event", "")), *causes) if part)
