"""Runs one night of the sandbox's data in an Airflow of its own, beside the sandbox's.

``python run_elsewhere.py <folder of DAG files> <JSON file>``; the file gets the DagRun's state and when ``plan`` ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

DAG_ID = "nightly_reindex__patient_vitals"
CONF = {"interval": "2026-09-20/2026-09-21", "force": True, "reason": "two deployments"}

if __name__ == "__main__":
    initdb()
    run = DagBag(Path(sys.argv[1])).dags[DAG_ID].test(run_conf=CONF)
    ended = {ti.task_id: ti.end_date.isoformat() for ti in run.get_task_instances() if ti.end_date}
    Path(sys.argv[2]).write_text(json.dumps({"state": run.state, "plan_ended_at": ended["plan"]}))
