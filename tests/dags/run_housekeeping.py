"""Runs the hourly DAG in Airflow's own machinery, with clusters of runs in several states behind its connection.

``python run_housekeeping.py <folder of DAG files> <JSON file>``; the file gets the DagRun's state and the runs whose
clusters were terminated.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import RunId
from druid_reindex.operators import connections
from druid_reindex.plan import names
from twins import FakeEmr, FakeStore

NIGHTLY = "nightly_reindex__patient_vitals"
STATES = ("queued", "running", "failed", "success")
LOST = "lost"


def night(state: str) -> DagRun:
    """A run of the nightly DAG in that state, whose id is the state's name."""
    return DagRun(
        dag_id=NIGHTLY, run_id=state, state=state, run_type=DagRunType.MANUAL, run_after=datetime.now(UTC),
        triggered_by=DagRunTriggeredByType.TEST,
    )  # fmt: skip


def launched(configs: Path) -> FakeEmr:
    """An EMR with a cluster for each run, and for one that Airflow has lost."""
    emr = FakeEmr()
    for run_id in (*STATES, LOST):
        run = RunId.of(load_boundaries(configs).deployment_id, dag_id=NIGHTLY, run_id=run_id)
        tags = names.run_tags(run) | {names.CLASSIFICATION_TAG: "phi"}
        emr.run_job_flow({"Name": run_id, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})
    return emr


def told(dag: Any, emr: FakeEmr) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "emr_client", lambda _conn_id, _region: emr)
        patch.setattr(connections, "s3_client", lambda _conn_id, _region: FakeStore())
        run = dag.test()
    return {"state": run.state, "terminated": [emr.clusters[cluster_id].name for cluster_id in emr.terminated]}


if __name__ == "__main__":
    initdb()
    folder = Path(sys.argv[1])
    with create_session() as session:
        session.add_all([night(state) for state in STATES])
    hourly = DagBag(folder).dags["housekeeping__phi"]
    Path(sys.argv[2]).write_text(json.dumps(told(hourly, launched(folder.parent / "emr_configs"))))
