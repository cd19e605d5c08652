"""An Airflow whose one run moves as a test tells, for who follows it."""

from __future__ import annotations

from typing import Any

from druid_reindex.clients.airflow import TaskInstance


class Airflow:
    """Shows the DAG from the `parsed`-th look on, and the run as `looks` tell, the last one for ever."""

    def __init__(self, looks: list[tuple[str, list[TaskInstance]]] | None = None, *, parsed: int = 1) -> None:
        self.looks = looks or [("success", [])]
        self.parsed, self.calls = parsed, []  # type: tuple[int, list[Any]]
        self.told = iter(["first line", "the reason"])

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def dag(self, dag_id: str) -> dict[str, str] | None:
        self.parsed -= 1
        return {"dag_id": dag_id} if self.parsed <= 0 else None

    def import_errors(self) -> list[str]:
        return ["patient_vitals.yaml:3: classification 'secret'"]

    def unpause(self, dag_id: str) -> None:
        self.calls.append(("unpause", dag_id))

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        self.calls.append(("trigger", dag_id, conf))
        return "manual__2026-10-06T02:30:00+00:00"

    def run_state(self, _dag_id: str, _run_id: str) -> str:
        return self.looks[0][0]

    def task_instances(self, _dag_id: str, _run_id: str) -> list[TaskInstance]:
        return self.looks.pop(0)[1] if len(self.looks) > 1 else self.looks[0][1]

    def log(self, _dag_id: str, _run_id: str, _task: TaskInstance) -> list[str]:
        return list(self.told)

    def xcom(self, *_: object, **__: object) -> Any:
        return None
