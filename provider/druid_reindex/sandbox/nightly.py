"""One real night in the sandbox: patients in Druid, the DAG's run in Airflow, followed to its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.errors import DeadlineError, DruidReindexError, NotFoundError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import airflow, stack
from druid_reindex.sandbox.airflow_api import AirflowApi, TaskInstance
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.ingestion import WINDOW, Ingestion, Landing
from druid_reindex.sandbox.patients import prepare_patients
from druid_reindex.sandbox.state import Endpoints
from druid_reindex.sandbox.summary import Summary, summarise

Report = Callable[[str], None]

DATASOURCE = "patient_vitals"
DAG_ID = f"nightly_reindex__{DATASOURCE}"
POLL_SECONDS = 1.0
PARSED_SECONDS = 120.0
LOG_LINES = 40


@dataclass(frozen=True)
class Patients:
    """Which synthetic population the sandbox holds."""

    seed: int = 42
    population: int = 50


def run_night(home: SandboxHome, patients: Patients, report: Report) -> tuple[Summary, Path]:
    """The summary of one night, and where it is stored; starts the sandbox and ingests the patients when needed."""
    endpoints = stack.up(home, report).endpoints
    ingest(home, endpoints, patients, report)
    with airflow.api(home, endpoints.airflow or "") as api:
        run_id = start_run(api, report)
        follow(api, run_id, report)
        summary = summarise(api, DAG_ID, run_id)
    path = home.root / "summaries" / f"{run_id.replace(':', '_').replace('+', '_')}.json"
    summary.write(path)
    return summary, path


def ingest(home: SandboxHome, endpoints: Endpoints, patients: Patients, report: Report) -> None:
    """Bring Druid to serve the patients' events as their days left them; nothing when it does already."""
    files = prepare_patients(home, patients.seed, patients.population, report)
    boundary = phi_boundary()
    os.environ.update(aws.user_environment(home, "airflow"))
    landing = Landing(
        S3Client(build_session()),
        S3Uri.parse(boundary.data_uri) / "landing",
        boundary.kms_key_arn,
    )
    with druid_client(endpoints) as druid:
        Ingestion(druid, landing, DATASOURCE, report).complete(files.days)


def phi_boundary() -> Boundary:
    """The boundary of protected data, as the checkout's configuration has it."""
    return load_boundaries(aws.emr_configs()).phi


def druid_client(endpoints: Endpoints) -> DruidClient:
    """A client of the sandbox's Druid."""
    return DruidClient(DruidConfig(endpoints.overlord, endpoints.coordinator, endpoints.druid))


def start_run(api: AirflowApi, report: Report, conf: dict[str, object] | None = None) -> str:
    """The id of a new run over the patients' window, once Airflow has parsed the DAG. Raises NotFoundError."""
    deadline = time.monotonic() + PARSED_SECONDS
    while api.dag(DAG_ID) is None:
        if time.monotonic() > deadline:
            errors = "\n".join(api.import_errors())
            raise NotFoundError(
                "start the night",
                resource=f"DAG {DAG_ID}",
                came_back=errors or f"Airflow does not show it after {PARSED_SECONDS:g} s",
                remedy="correct the pipeline file that is named, or read the log of airflow-dag-processor",
            )
        time.sleep(POLL_SECONDS)
    api.unpause(DAG_ID)
    run_id = api.trigger(DAG_ID, {"window": str(WINDOW)} | (conf or {}))
    report(f"night {run_id} started")
    return run_id


def follow(api: AirflowApi, run_id: str, report: Report, *, limit_seconds: float = 3600.0) -> str:
    """The run's final state; tells each task's change, and the end of a failed task's log. Raises DeadlineError."""
    told: dict[str, str] = {}
    deadline = time.monotonic() + limit_seconds
    while True:
        state = api.run_state(DAG_ID, run_id)
        for task in api.task_instances(DAG_ID, run_id):
            _tell(api, run_id, task, told, report)
        if state in {"success", "failed"}:
            return state
        if time.monotonic() > deadline:
            raise DeadlineError(
                "follow the night", resource=run_id, came_back=f"{state} after {limit_seconds:g} s",
                remedy="look at the run in Airflow's UI: `druid-reindex sandbox ui`",
            )  # fmt: skip
        time.sleep(POLL_SECONDS)


def _tell(api: AirflowApi, run_id: str, task: TaskInstance, told: dict[str, str], report: Report) -> None:
    if told.get(task.name) == task.state or task.state in {"none", "scheduled", "queued"}:
        return
    told[task.name] = task.state
    ended = f", {task.seconds:.0f} s" if task.seconds and task.state != "running" else ""
    report(f"{task.name}: {task.state}{ended}")
    if task.state == "failed":
        try:
            lines = api.log(DAG_ID, run_id, task)[-LOG_LINES:]
        except DruidReindexError as error:
            lines = [f"its log could not be read: {error}"]
        for line in lines:
            report(f"    {line}")
