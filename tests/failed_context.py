"""What Airflow tells the callback of a verdict that failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import AirflowException

DAG = "nightly_reindex__patient_vitals"


@dataclass
class Ti:
    """The verdict's task instance."""

    crumbs: list[dict[str, Any]]
    xcoms: dict[tuple[str, str, Any], Any] = field(default_factory=dict)
    pushed: dict[str, Any] = field(default_factory=dict)

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        assert (dag_id, run_id) == (DAG, "manual__1")
        return self.crumbs

    def xcom_pull(self, task_ids: str, key: str = "return_value", map_indexes: Any = None) -> Any:
        return self.xcoms.get((task_ids, key, map_indexes))

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def crumb(task_id: str, state: str = "failed", map_index: int = -1) -> dict[str, Any]:
    return {"task_id": task_id, "map_index": map_index, "state": state, "operator": "X", "duration": 1.0}


def failed(*crumbs: dict[str, Any], **xcoms: Any) -> Any:
    run = SimpleNamespace(dag_id=DAG, run_id="manual__1", start_date=datetime(2026, 10, 6, 2, 30, tzinfo=UTC))
    return {"dag_run": run, "ti": Ti([*crumbs], **xcoms), "exception": AirflowException("these tasks failed")}
