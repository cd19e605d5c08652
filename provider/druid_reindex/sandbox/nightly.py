"""One real night in the sandbox: patients in Druid, the DAG's run in Airflow, followed to its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from druid_reindex.clients.airflow import AirflowApi
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.night_runs import NightRuns
from druid_reindex.clients.night_summary import Summary, summarise
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Pipeline, Submission
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import airflow, stack
from druid_reindex.sandbox.aws import druid_package
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.druid_security import admin_config
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.ingestion import WINDOW, Ingestion, Landing
from druid_reindex.sandbox.patients import prepare_patients
from druid_reindex.sandbox.state import Endpoints

Report = Callable[[str], None]

DATASOURCE = "patient_vitals"
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
    """The summary of one night, and where it is stored; starts the sandbox and ingests the patients when needed."""
    endpoints = stack.up(home, report).endpoints
    pipeline = shipped_pipeline(DATASOURCE)
    ingest(home, endpoints, patients, report)
    if pipeline.submit is Submission.EMR_STEP:
        druid_package.publish_druid(home, report)
    with airflow.api(home, endpoints.airflow or "") as api:
        night = patients_nights(api, pipeline.dag_id, report)
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
    boundary = load_boundaries(aws.emr_configs()).phi
    os.environ.update(aws.user_environment(home, "operator"))
    landing = Landing(S3Client(build_session()), S3Uri.parse(boundary.data_uri) / "landing", boundary.kms_key_arn)
    with druid_client(home, endpoints) as druid:
        Ingestion(druid, landing, datasource, report).complete(files.days)


def druid_client(home: SandboxHome, endpoints: Endpoints) -> DruidClient:
    """The sandbox's Druid for its administrator, who may ingest into any datasource."""
    return DruidClient(admin_config(home, endpoints))
