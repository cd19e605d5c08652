"""A real night in the sandbox, and that of its snapshot: patients in Druid and Redshift, runs in Airflow, followed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from druid_reindex.clients.airflow import AirflowApi
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.night_runs import NightRuns
from druid_reindex.clients.night_summary import Summary, summarise
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline, Submission
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import airflow, confirmation, stack, warehouse
from druid_reindex.sandbox.aws import druid_package
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.druid_security import admin_config
from druid_reindex.sandbox.events import DayFiles
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.ingestion import WINDOW, Ingestion, Landing
from druid_reindex.sandbox.patients import prepare_patients
from druid_reindex.sandbox.state import Endpoints

Report = Callable[[str], None]

DATASOURCE = "patient_vitals"
SNAPSHOT = "patient_snapshot"
SNAPSHOT_DAYS = 7
REASON = "a night on the sandbox"
UI_REMEDY = "look at the run in Airflow's UI: `druid-reindex sandbox ui`"


@dataclass(frozen=True)
class Patients:
    """Which synthetic population the sandbox holds."""

    seed: int = 42
    population: int = 50


def patients_nights(api: AirflowApi, dag_id: str, report: Report) -> NightRuns:
    """The runs of one pipeline's DAG over the patients' window."""
    return NightRuns(api, dag_id, report, {"interval": str(WINDOW), "reason": REASON}, remedy=UI_REMEDY)


def run_night(home: SandboxHome, patients: Patients, report: Report) -> tuple[Summary, Path]:
    """The summary of one night, and where it is stored; starts the sandbox and brings in the patients when needed.

    When it is green, and the snapshot's pipeline is there, the snapshot's night follows. Then both are laid beside
    CloudTrail, where the DAG that does so is there.
    """
    endpoints = stack.up(home, report).endpoints
    pipelines = [shipped_pipeline(name) for name in (DATASOURCE, SNAPSHOT) if pipeline_file(name).is_file()]
    ingest(home, endpoints, patients, report)
    if any(needs_druid(pipeline) for pipeline in pipelines):
        druid_package.publish_druid(home, report)
    with airflow.api(home, endpoints.airflow or "") as api:
        nights = [one_night(api, pipelines[0], report)]
        if nights[0].is_green and len(pipelines) > 1:
            nights.append(one_night(api, pipelines[1], report, interval=str(snapshot_week())))
        if confirmation.is_there():
            confirmation.confirm(home, api, report)
            nights = [confirmation.told(night, home.root / "reports") for night in nights]
    summary = nights[0].with_snapshot(nights[1]) if len(nights) > 1 else nights[0]
    path = home.root / "summaries" / f"{summary.run_id.replace(':', '_').replace('+', '_')}.json"
    summary.write(path)
    return summary, path


def snapshot_week() -> Interval:
    """The last days of the patients' window: a day costs the job a container, and the export a JVM."""
    return Interval(WINDOW.end - timedelta(days=SNAPSHOT_DAYS), WINDOW.end)


def one_night(api: AirflowApi, pipeline: Pipeline, report: Report, **conf: object) -> Summary:
    """The summary of a run of the pipeline's DAG, started with ``conf`` and followed to its end."""
    night = patients_nights(api, pipeline.dag_id, report)
    run_id = night.start(conf)
    night.follow(run_id)
    return summarise(api, night.dag_id, run_id)


def needs_druid(pipeline: Pipeline) -> bool:
    """Whether the pipeline's clusters install Druid: for its indexer, or for its tool that reads segments."""
    return pipeline.submit is Submission.EMR_STEP or bool(pipeline.exports)


def pipeline_file(datasource: str) -> Path:
    """The file of that name among the sandbox's DAGs."""
    return airflow.dags_folder() / "pipelines" / f"{datasource}.yaml"


def shipped_pipeline(datasource: str) -> Pipeline:
    """The pipeline in the file of that name among the sandbox's DAGs. Raises ConfigurationError."""
    return load_pipeline(pipeline_file(datasource), load_boundaries(aws.emr_configs()))


def ingest(
    home: SandboxHome, endpoints: Endpoints, patients: Patients, report: Report, datasource: str = DATASOURCE
) -> None:
    """Bring Druid to serve the patients' events as their days left them, and Redshift to hold their bills.

    Nothing when they do already.
    From then on this process's AWS clients reach the sandbox's account alone.
    """
    files = prepare_patients(home, patients.seed, patients.population, report)
    deliver(home, endpoints, files.days, report, datasource)
    warehouse.fill(home, endpoints, files.histories, report)


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
