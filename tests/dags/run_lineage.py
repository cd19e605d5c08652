"""Runs nights of the shipped DAG as ``run_nights.py`` does, with OpenLineage switched on, and tells what was sent.

``python run_lineage.py <folder of DAG files> <JSON file>``; the file gets, for each night, the DagRun's state and when
it is for, and under ``events`` what was sent of all of them, in order. ``LINEAGE_FILE`` is where the transport writes.
Some nights are laid beside CloudTrail when they are over, each twice: ``looks`` has the states of these runs. In
the end what an older night replaced is retired, with the state ``retired``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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

from druid_reindex.evidence.selectors import Selectors
from druid_reindex.operators import connections
from moved_night import moving_pipeline, with_sources
from night_world import ROOT, World, connect
from retired_nights import V0, V1, Past, version
from trail_account import HOUR, SCOPE, TrailFiles, event, log_text
from trail_runs import DATA, assumed
from twins import FakeTrail

CANARY = "Maria-Magdalena-Quendolin"
EVIDENCE = "evidence__phi"
LAID_BESIDE = ("green", "red", "rolled_back", "backfilled")
STRANGER = assumed("arn:aws:iam::111122223333:role/Analyst", "eve")
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


@contextmanager
def heard(**changes: Any) -> Iterator[list[Any]]:
    """The DagRuns that are made, with ``changes``; the scheduler's words on their begin are said here: ``dag.test`` has
    no scheduler.
    """
    runs: list[Any] = []
    create = SerializedDAG.create_dagrun

    def created(self: Any, **given: Any) -> Any:
        run = create(self, **given | changes)
        run.dag = self
        run.notify_dagrun_state_changed(msg="started")
        runs.append(run)
        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SerializedDAG, "create_dagrun", created)
        yield runs


def sent(dag: Any, name: str, world: World) -> dict[str, Any]:
    """One night."""
    of_backfill = {
        "run_type": DagRunType.BACKFILL_JOB,
        "run_id": f"backfill__{BACKFILLED.isoformat()}",
        "logical_date": BACKFILLED,
        "run_after": BACKFILLED,
        "data_interval": (BACKFILLED, BACKFILLED),
    }
    with heard(**of_backfill if name == "backfilled" else {}) as runs:
        night = told(dag, world)
    return night | {"logical_date": runs[0].logical_date.isoformat(), "run_id": runs[0].run_id}


def looked_at(dag: Any, world: World, *records: dict[str, Any]) -> list[str]:
    """How two runs of the DAG of evidence end, after CloudTrail has delivered ``records`` and closed its digest."""
    files, now = TrailFiles(), datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    files.close(now - HOUR)
    files.deliver(log_text(*records), now)
    files.close(now)
    trail = FakeTrail([SCOPE], files.objects, files.public_keys(), Selectors(s3_prefixes=(f"{DATA}/",)))
    world.locked.objects |= world.store.objects
    world.locked.written = dict.fromkeys(world.locked.objects, now)
    with pytest.MonkeyPatch.context() as patch, heard():
        connect(world, patch)
        patch.setattr(connections, "trail", lambda _conn_id, _region: trail)
        return [dag.test().state for _ in range(2)]


def retired(dag: Any) -> str:
    """How the DAG ends that disposes of what a night replaced longer ago than the rollback window."""
    world = World()
    world.druid.segments, world.druid.outcomes = [], []
    past = Past(world.druid, world.archive, world.store)
    past.serve(version(V0))
    past.night("1", version(V0), version(V1), datetime.now(UTC) - timedelta(days=20))
    with pytest.MonkeyPatch.context() as patch, heard():
        connect(world, patch)
        return str(dag.test().state)


def foreign(at: datetime) -> dict[str, Any]:
    """A stranger has read a segment."""
    read = [{"ARN": f"{DATA}/druid/segments/patient_vitals/1"}]
    return event(9, at, eventName="GetObject", userIdentity=STRANGER, requestParameters=None, resources=read)


if __name__ == "__main__":
    initdb()
    dags = DagBag(Path(sys.argv[1])).dags
    nightly = unhurried(dags[DAG_ID])
    moving = moving_dag(Path(sys.argv[2]).parent / "moved")
    nights, looks = {}, {}
    for name, make in NIGHTS.items():
        world = make()
        nights[name] = sent(moving if name == "moved" else nightly, name, world)
        if name in LAID_BESIDE:
            records = [foreign(datetime.now(UTC))] if name == "green" else []
            looks[name] = looked_at(dags[EVIDENCE], world, *records)
    retirement = retired(unhurried(dags["retire__phi"]))
    get_openlineage_listener().before_stopping(None)
    lines = Path(os.environ["LINEAGE_FILE"]).read_text().splitlines()
    select = next(each for batch in MOVED.redshift.sent.values() for each in batch if each.startswith("UNLOAD"))
    events = [json.loads(line) for line in lines]
    told_all = {"nights": nights, "looks": looks, "retired": retirement, "select": select, "events": events}
    Path(sys.argv[2]).write_text(json.dumps(told_all))
