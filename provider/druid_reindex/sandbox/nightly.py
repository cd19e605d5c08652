"""One real night in the sandbox: patients in Druid, the DAG's run in Airflow, followed to its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from druid_reindex.clients.airflow import AirflowApi, TaskInstance
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.errors import DeadlineError, DruidReindexError, NotFoundError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Pipeline, Submission
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import airflow, stack
from druid_reindex.sandbox.aws import druid_package
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.druid_security import admin_config
from druid_reindex.sandbox.events import DayFiles
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.ingestion import WINDOW, Ingestion, Landing
from druid_reindex.sandbox.patients import prepare_patients
from druid_reindex.sandbox.state import Endpoints
from druid_reindex.sandbox.summary import Summary, summarise

Report = Callable[[str], None]

DATASOURCE = "patient_vitals"
POLL_SECONDS = 1.0
PARSED_SECONDS = 120.0
NIGHT_SECONDS = 3600.0
LOG_LINES = 40
REASON = "a night on the sandbox"
QUIET_STATES = frozenset({"none", "scheduled", "queued"})
ENDED_STATES = frozenset({"success", "failed"})


@dataclass(frozen=True)
class Patients:
    """Which synthetic population the sandbox holds."""

    seed: int = 42
    population: int = 50


@dataclass(frozen=True)
class Night:
    """The runs of one pipeline's DAG, as seen through Airflow's REST API; `report` hears what happens."""

    api: AirflowApi
    dag_id: str
    report: Report

    def start(self, conf: Mapping[str, Any] | None = None) -> str:
        """The id of a new run over the patients' window, once Airflow has parsed the DAG. Raises NotFoundError."""
        deadline = time.monotonic() + PARSED_SECONDS
        while self.api.dag(self.dag_id) is None:
            if time.monotonic() > deadline:
                raise self._not_parsed()
            time.sleep(POLL_SECONDS)
        self.api.unpause(self.dag_id)
        run_id = self.api.trigger(self.dag_id, {"interval": str(WINDOW), "reason": REASON, **(conf or {})})
        self.report(f"night {run_id} started")
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
                    "follow the night",
                    resource=run_id,
                    came_back=f"{state} after {limit_seconds:g} s",
                    remedy="look at the run in Airflow's UI: `druid-reindex sandbox ui`",
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
            "start the night",
            resource=f"DAG {self.dag_id}",
            came_back=errors or f"Airflow does not show it after {PARSED_SECONDS:g} s",
            remedy="correct the pipeline file that is named, or read the log of airflow-dag-processor",
        )


def run_night(home: SandboxHome, patients: Patients, report: Report) -> tuple[Summary, Path]:
    """The summary of one night, and where it is stored; starts the sandbox and ingests the patients when needed."""
    endpoints = stack.up(home, report).endpoints
    pipeline = shipped_pipeline(DATASOURCE)
    ingest(home, endpoints, patients, report)
    if pipeline.submit is Submission.EMR_STEP:
        druid_package.publish_druid(home, report)
    with airflow.api(home, endpoints.airflow or "") as api:
        night = Night(api, pipeline.dag_id, report)
        run_id = night.start()
        night.follow(run_id)
        summary = summarise(api, night.dag_id, run_id)
    path = home.root / "summaries" / f"{run_id.replace(':', '_').replace('+', '_')}.json"
    summary.write(path)
    return summary, path


def shipped_pipeline(datasource: str) -> Pipeline:
    """The pipeline in the file of that name among the sandbox's DAGs. Raises ConfigurationError."""
    file = airflow.dags_folder() / "pipelines" / f"{datasource}.yaml"
    return load_pipeline(file, load_boundaries(aws.emr_configs()))


def ingest(
    home: SandboxHome, endpoints: Endpoints, patients: Patients, report: Report, datasource: str = DATASOURCE
) -> None:
    """Bring Druid to serve the patients' events as their days left them; nothing when it does already.

    From then on this process's AWS clients reach the sandbox's account alone.
    """
    files = prepare_patients(home, patients.seed, patients.population, report)
    deliver(home, endpoints, files.days, report, datasource)


def deliver(home: SandboxHome, endpoints: Endpoints, days: DayFiles, report: Report, datasource: str) -> None:
    """Bring Druid to serve these events, as `ingest` does."""
    boundary = load_boundaries(aws.emr_configs()).phi
    os.environ.update(aws.user_environment(home, "operator"))
    landing = Landing(S3Client(build_session()), S3Uri.parse(boundary.data_uri) / "landing", boundary.kms_key_arn)
    with druid_client(home, endpoints) as druid:
        Ingestion(druid, landing, datasource, report).complete(days)


def druid_client(home: SandboxHome, endpoints: Endpoints) -> DruidClient:
    """The sandbox's Druid for its administrator, who may ingest into any datasource."""
    return DruidClient(admin_config(home, endpoints))
