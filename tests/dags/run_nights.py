"""Runs nights of the shipped DAG in Airflow's own machinery, on a new database, with the twins behind the connections.

``python run_nights.py <folder of DAG files> <JSON file>``; for each night the file gets the DagRun's state, the tasks'
states, and what became of clusters and Druid tasks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

from druid_reindex.model.cluster import ClusterState
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.night import NightOperator
from gated_night import let_nodes_report
from night_world import SETTINGS, World, connect, measured, rebuilt
from twins import Outcome

POLL_SECONDS = 0.01
DAG_ID = "nightly_reindex__patient_vitals"


def good() -> World:
    return World()


def empty() -> World:
    world = World()
    world.druid.segments = [rebuilt()]
    return world


def reindex_fails() -> World:
    world = World()
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="disk full on mapper")]
    return world


def rows_change() -> World:
    world = World()
    new = rebuilt().version
    world.druid.answers = measured(lambda _sql: 99 if new in versions(world) else 100, world.druid)
    return world


def versions(world: World) -> list[str]:
    return sorted({segment.version for segment in world.druid.segments})


def cluster_fails() -> World:
    world = World()
    world.emr.lifecycle = (ClusterState.STARTING, ClusterState.TERMINATED_WITH_ERRORS)
    world.emr.reason = ("BOOTSTRAP_FAILURE", "it broke")
    return world


NIGHTS: tuple[Callable[[], World], ...] = (good, empty, reindex_fails, rows_change, cluster_fails)


def told(dag: Any, world: World) -> dict[str, Any]:
    """One night from its trigger to its last task."""
    new = rebuilt().payload["loadSpec"]
    world.store.put(S3Uri(new["bucket"], new["key"]), b"segment", kms_key_arn=SETTINGS.boundary.kms_key_arn)
    with pytest.MonkeyPatch.context() as patch:
        connect(world, patch)
        let_nodes_report(world, patch)
        run = dag.test(run_conf=world.conf)
    return {
        "state": run.state,
        "tasks": {ti.task_id: ti.state for ti in run.get_task_instances()},
        "launched": len(world.emr.launched),
        "clusters": [cluster.state for cluster in world.emr.clusters.values()],
        "submitted": len(world.druid.submitted),
        "versions": versions(world),
    }


def unhurried(dag: Any) -> Any:
    """The DAG with triggers that look at once, and again at once."""
    for task in dag.tasks:
        if isinstance(task, NightOperator):
            task.poll_seconds = POLL_SECONDS
        elif task.is_mapped:
            task.partial_kwargs["poll_seconds"] = POLL_SECONDS
    return dag


if __name__ == "__main__":
    initdb()
    nightly = unhurried(DagBag(Path(sys.argv[1])).dags[DAG_ID])
    Path(sys.argv[2]).write_text(json.dumps({make.__name__: told(nightly, make()) for make in NIGHTS}))
