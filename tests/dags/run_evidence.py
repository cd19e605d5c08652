"""Runs a night of the shipped DAG with the twins behind the connections, and leaves more runs that name their packs.

``python run_evidence.py <folder of DAG files> <JSON file>``; the file gets the run's id, its RunId, and those of the
others, whose packs somebody else puts where their tasks say that they lie.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.models.xcom import XComModel
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from run_nights import DAG_ID, good, told, unhurried

from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.evidence import EVIDENCE_TASK
from druid_reindex.operators.links import EVIDENCE_PLACE_KEY
from night_world import SETTINGS

OTHERS = 3


def identity(run_id: str) -> str:
    """The RunId."""
    return str(RunId.of(SETTINGS.boundaries.deployment_id, dag_id=DAG_ID, run_id=run_id))


def left(dag: SerializedDAG, number: int) -> str:
    """A run of an earlier night, whose task has told where its packs lie."""
    place = SETTINGS.boundary.evidence
    assert place is not None
    at = datetime(2026, 10, 6, 6, 30, tzinfo=UTC) - timedelta(days=number)
    run_id = f"scheduled__{at.isoformat()}"
    with create_session() as session:
        dag.create_dagrun(
            run_id=run_id, run_after=at, logical_date=at, data_interval=(at, at), run_type=DagRunType.SCHEDULED,
            triggered_by=DagRunTriggeredByType.TIMETABLE, state=DagRunState.SUCCESS, session=session,
        )  # fmt: skip
        folder = S3Uri.parse(place.uri) / f"packs/{SETTINGS.pipeline.datasource}/{identity(run_id)}"
        value: dict[str, Any] = {
            "uri": str(folder), "aws_conn_id": SETTINGS.aws_conn_id, "region": SETTINGS.boundaries.region,
            "signing_key_arn": place.signing_key_arn, "trail": place.trail.value,
        }  # fmt: skip
        XComModel.set(
            key=EVIDENCE_PLACE_KEY, value=value, dag_id=DAG_ID, task_id=EVIDENCE_TASK, run_id=run_id, session=session
        )
    return run_id


if __name__ == "__main__":
    initdb()
    nightly = unhurried(DagBag(Path(sys.argv[1])).dags[DAG_ID])
    ended = told(nightly, good())
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(nightly))
    with create_session() as session:
        (ran,) = {each.run_id for each in session.query(XComModel).filter(XComModel.key == EVIDENCE_PLACE_KEY)}
    runs = [ran, *(left(stored, number) for number in range(1, OTHERS + 1))]
    Path(sys.argv[2]).write_text(json.dumps({"runs": {each: identity(each) for each in runs}, **ended}))
