"""Gives the commands for nights to a failed run, over Airflow's real REST API, with twins for Druid, EMR and S3.

``python run_commands.py <folder of DAG files> <JSON file>``; the file gets, for each command, its exit code, its output
and the states of the run and its tasks after it. Nothing listens: the API is called within the process.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.app import create_app
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.utils.db import initdb
from run_nights import DAG_ID, reindex_fails, told, unhurried
from starlette.testclient import TestClient
from typer.testing import CliRunner

from airflow_twin import PLACES, Outside
from druid_reindex.cli import runs, status
from druid_reindex.cli.main import app
from druid_reindex.clients.airflow import AirflowApi, AirflowConfig

COMMANDS = (
    ("status", "patient_vitals"),
    ("hold", "patient_vitals"),
    ("resume", "patient_vitals", "--from-batch", "1"),
    ("resume", "patient_vitals", "--from-batch", "0"),
    ("resume", "patient_vitals", "--from-batch", "0"),
    ("abort", "patient_vitals"),
    ("abort", "patient_vitals"),
    ("status", "patient_vitals", "--json"),
)


class Within(httpx.BaseTransport):
    """Hands requests to an application in this process; starlette's client may be of another release of httpx."""

    def __init__(self, application: Any) -> None:
        self._client = TestClient(application)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._client.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        kept = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
        return httpx.Response(answer.status_code, headers=kept, content=answer.content)


def api(transport: Any) -> AirflowApi:
    """A client of the API within this process."""
    return AirflowApi(AirflowConfig("http://127.0.0.1", user="admin", password="admin"), transport)


def carried_out(transport: Any, command: tuple[str, ...]) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*command, *PLACES])
    with api(transport) as airflow:
        run = airflow.latest_run(DAG_ID)
        assert run is not None
        tasks = {task.name: task.state for task in airflow.task_instances(DAG_ID, run.run_id)}
    return {"exit": result.exit_code, "said": result.stdout, "error": result.stderr, "state": run.state, "tasks": tasks}


def main(folder: Path) -> list[dict[str, Any]]:
    bag = DagBag(folder)
    world = reindex_fails()
    told(unhurried(bag.dags[DAG_ID]), world)
    sync_bag_to_db(bag, "dags-folder", None)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        transport = Within(create_app(apps="core"))
        Outside(druid=world.druid, emr=world.emr, store=world.store).connect(patch)
        patch.setattr(runs.time, "sleep", lambda _seconds: None)
        for module in (runs, status):
            patch.setattr(module, "airflow_api", lambda: api(transport))
        return [carried_out(transport, command) for command in COMMANDS]


if __name__ == "__main__":
    initdb()
    Path(sys.argv[2]).write_text(json.dumps(main(Path(sys.argv[1]))))
