"""Runs nights of the shipped DAG as ``run_nights.py`` does, with OpenLineage switched on, and tells what was sent.

``python run_lineage.py <folder of DAG files> <JSON file>``; the file gets, for each night, the DagRun's state and when
it is for, and under ``events`` what was sent of all of them, in order. ``LINEAGE_FILE`` is where the transport writes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.openlineage.plugins.listener import get_openlineage_listener
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.utils.db import initdb
from airflow.utils.types import DagRunType
from run_nights import DAG_ID, empty, good, reindex_fails, rows_change, told, unhurried

from moved_night import moving_pipeline, with_sources
from night_world import ROOT, World

CANARY = "Maria-Magdalena-Quendolin"
BACKFILLED = datetime(2026, 9, 1, 12, tzinfo=UTC)


def backfilled() -> World:
    """A night of a backfill, for the day that has segments."""
    return World(conf={"reason": "a backfill"})


MOVED = World()


def moved() -> World:
    """The night of the pipeline that moves tables."""
    return with_sources(MOVED)


NIGHTS: dict[str, Callable[[], World]] = {
    "green": good,
    "empty": empty,
    "red": reindex_fails,
    "rolled_back": rows_change,
    "backfilled": backfilled,
    "moved": moved,
}


def moving_dag(folder: Path) -> Any:
    """Its DAG, from files in ``folder``, whose SELECT has a value in it that nobody may be told."""
    for name in ("emr_configs", "sql"):
        shutil.copytree(ROOT / name, folder / name)
    select = folder / "sql" / "unload" / "patient_claims.sql"
    select.write_text(f"{select.read_text()}  AND patient_id <> '{CANARY}'\n")
    pipeline = moving_pipeline().model_dump(mode="json", exclude_unset=True)
    (folder / "dags" / "pipelines").mkdir(parents=True)
    (folder / "dags" / "pipelines" / "moved.yaml").write_text(yaml.safe_dump(pipeline))
    (folder / "dags" / "airflow_dag.py").write_text((ROOT / "dags" / "nightly_reindex.py").read_text())
    (dag,) = DagBag(folder / "dags").dags.values()
    return unhurried(dag)


def sent(dag: Any, name: str) -> dict[str, Any]:
    """One night, of which the scheduler's words on its begin are said here: ``dag.test`` has no scheduler."""
    runs = []
    create = SerializedDAG.create_dagrun

    def created(self: Any, **given: Any) -> Any:
        if name == "backfilled":
            given |= {"run_type": DagRunType.BACKFILL_JOB, "run_id": f"backfill__{BACKFILLED.isoformat()}"}
            given |= {"logical_date": BACKFILLED, "run_after": BACKFILLED, "data_interval": (BACKFILLED, BACKFILLED)}
        run = create(self, **given)
        run.dag = self
        run.notify_dagrun_state_changed(msg="started")
        runs.append(run.logical_date.isoformat())
        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SerializedDAG, "create_dagrun", created)
        night = told(dag, NIGHTS[name]())
    return night | {"logical_date": runs[0]}


if __name__ == "__main__":
    initdb()
    nightly = unhurried(DagBag(Path(sys.argv[1])).dags[DAG_ID])
    moving = moving_dag(Path(sys.argv[2]).parent / "moved")
    nights = {name: sent(moving if name == "moved" else nightly, name) for name in NIGHTS}
    get_openlineage_listener().before_stopping(None)
    lines = Path(os.environ["LINEAGE_FILE"]).read_text().splitlines()
    select = next(each for batch in MOVED.redshift.sent.values() for each in batch if each.startswith("UNLOAD"))
    told_all = {"nights": nights, "select": select, "events": [json.loads(line) for line in lines]}
    Path(sys.argv[2]).write_text(json.dumps(told_all))
