"""Nights as somebody outside Airflow sees them: started, and followed to their end, through its REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from druid_reindex.clients.airflow import AirflowApi, TaskInstance
from druid_reindex.errors import DeadlineError, DruidReindexError, NotFoundError

POLL_SECONDS = 1.0
PARSED_SECONDS = 120.0
NIGHT_SECONDS = 3600.0
LOG_LINES = 40
QUIET_STATES = frozenset({"none", "scheduled", "queued"})
ENDED_STATES = frozenset({"success", "failed"})


@dataclass(frozen=True)
class NightRuns:
    """The runs of one pipeline's DAG, as seen through Airflow's REST API; ``report`` hears what happens.

    ``asked`` is what each run is started with; ``remedy`` is for who waits for one in vain; ``what`` is what a run is.
    """

    api: AirflowApi
    dag_id: str
    report: Callable[[str], None]
    asked: Mapping[str, Any]
    remedy: str = "look at the run in Airflow's UI"
    what: str = "night"

    def start(self, conf: Mapping[str, Any] | None = None) -> str:
        """The id of a new run, once Airflow has parsed the DAG. Raises NotFoundError."""
        deadline = time.monotonic() + PARSED_SECONDS
        while self.api.dag(self.dag_id) is None:
            if time.monotonic() > deadline:
                raise self._not_parsed()
            time.sleep(POLL_SECONDS)
        self.api.unpause(self.dag_id)
        run_id = self.api.trigger(self.dag_id, {**self.asked, **(conf or {})})
        self.report(f"{self.what} {run_id} started")
        return run_id

    def follow(self, run_id: str, *, limit_seconds: float = NIGHT_SECONDS) -> str:
        """The run's final state; tells each task's change, and the end of a failed task's log. Raises DeadlineError."""
        told: dict[str, str] = {}
        deadline = time.monotonic() + limit_seconds
        while True:
            state = self.api.run_state(self.dag_id, run_id)
            for task in self.api.task_instances(self.dag_id, run_id):
                if task.state not in {told.get(task.name), *QUIET_STATES}:
                    told[task.name] = task.state
                    self._tell(run_id, task)
            if state in ENDED_STATES:
                return state
            if time.monotonic() > deadline:
                raise DeadlineError(
                    f"follow the {self.what}",
                    resource=run_id,
                    came_back=f"{state} after {limit_seconds:g} s",
                    remedy=self.remedy,
                )
            time.sleep(POLL_SECONDS)

    def _tell(self, run_id: str, task: TaskInstance) -> None:
        seconds = f", {task.seconds:.0f} s" if task.seconds and task.state != "running" else ""
        self.report(f"{task.name}: {task.state}{seconds}")
        if task.state == "failed":
            for line in self._end_of_log(run_id, task):
                self.report(f"    {line}")

    def _end_of_log(self, run_id: str, task: TaskInstance) -> list[str]:
        try:
            return self.api.log(self.dag_id, run_id, task)[-LOG_LINES:]
        except DruidReindexError as error:
            return [f"its log could not be read: {error}"]

    def _not_parsed(self) -> NotFoundError:
        errors = "\n".join(self.api.import_errors())
        return NotFoundError(
            f"start the {self.what}",
            resource=f"DAG {self.dag_id}",
            came_back=errors or f"Airflow does not show it after {PARSED_SECONDS:g} s",
            remedy="correct the pipeline file that is named, or read the log of airflow-dag-processor",
        )
