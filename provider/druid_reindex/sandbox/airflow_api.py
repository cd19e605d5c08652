"""Airflow's REST API, as far as a night needs it.

Source: https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from druid_reindex.errors import NoAnswerError, RefusedError

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task instance of a run; `name` carries the map index of a mapped one."""

    task_id: str
    map_index: int
    state: str
    seconds: float
    try_number: int

    @property
    def name(self) -> str:
        """`reindex[0]` for a mapped instance, else the task's id."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowApi:
    """A signed-in client; a context manager that closes its connections."""

    def __init__(self, url: str, user: str, password: str, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False, transport=transport)
        self._login = {"username": user, "password": password}

    def __enter__(self) -> Self:
        token = self._ask("POST", "/auth/token", json=self._login)["access_token"]
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
        found = self._ask("GET", f"/api/v2/dags/{quote(dag_id)}", also=frozenset({404}))
        return found if "dag_id" in found else None

    def import_errors(self) -> list[str]:
        """The stack traces of DAG files that could not be imported."""
        return [error["stack_trace"] for error in self._ask("GET", "/api/v2/importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start."""
        self._ask("PATCH", f"/api/v2/dags/{quote(dag_id)}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """The id of the new run."""
        body = {"logical_date": None, "conf": dict(conf)}
        return str(self._ask("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """The run's state: queued, running, success or failed."""
        return str(self._ask("GET", _run(dag_id, run_id))["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """The run's task instances, in the order in which they started."""
        params = {"limit": "500", "order_by": "start_date"}
        found = self._ask("GET", f"{_run(dag_id, run_id)}/taskInstances", params=params)
        return [
            TaskInstance(
                each["task_id"],
                each["map_index"],
                each["state"] or "none",
                float(each["duration"] or 0),
                each["try_number"],
            )
            for each in found["task_instances"]
        ]

    def xcom(self, dag_id: str, run_id: str, task: str, *, key: str = "return_value", map_index: int = -1) -> Any:
        """The XCom's value; None when there is none."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task)}/xcomEntries/{quote(key)}"
        params = {"map_index": str(map_index), "deserialize": "true"}
        return self._ask("GET", path, params=params, also=frozenset({404})).get("value")

    def log(self, dag_id: str, run_id: str, task: TaskInstance) -> list[str]:
        """The lines that the task instance's last try logged."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task.task_id)}/logs/{task.try_number}"
        params = {"map_index": str(task.map_index), "full_content": "true"}
        found = self._ask("GET", path, params=params, headers={"Accept": "application/json"}, also=frozenset({404}))
        return [_line(entry) for entry in found.get("content", [])]

    def _ask(self, method: str, path: str, *, also: frozenset[int] = frozenset(), **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NoAnswerError(
                f"ask Airflow {method}", resource=path, came_back=type(error).__name__,
                remedy="see `druid-reindex sandbox status`",
            ) from error  # fmt: skip
        if answer.is_success or answer.status_code in also:
            return answer.json() if answer.content else {}
        raise RefusedError(
            f"ask Airflow {method}", resource=path, came_back=f"HTTP {answer.status_code}: {answer.text[:500]}",
            remedy="see `druid-reindex sandbox logs airflow-api-server`",
        )  # fmt: skip


def _run(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    details = entry.get("error_detail") or []
    causes = [f"{each.get('exc_type')}: {each.get('exc_value')}" for each in details]
    return " ".join(part for part in (str(entry.get("event", "")), *causes) if part)
