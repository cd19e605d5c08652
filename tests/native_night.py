"""Nights of the product's own operators on a real Druid, whose job is the quickest real engine: a native batch task.

All else is as in a night: the lease, the plan, the records in S3, the Overlord's locks, and how Druid swaps versions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.task_end import await_success
from druid_reindex.errors import ReindexFailedError
from druid_reindex.model.cluster import Cluster, ClusterState
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.operators import reindex
from druid_reindex.operators.night import NightOperator, NightSettings
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.rollback import RollbackSegmentsOperator
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names
from druid_reindex.ports import DruidPort
from druid_reindex.sandbox import airflow
from druid_reindex.sandbox.aws import service
from judged_night import JudgedNight, connections
from loops import no_socket_left
from real_sandbox import VITALS, Sandbox

TASK_SECONDS = 120.0
ROWS_PER_SEGMENT = 1_000  # the least that is planned: chunks of more rows have several, which Druid swaps together
METRICS = [{"type": "count", "name": "events"}, {"type": "doubleSum", "name": "value_sum", "fieldName": "value"}]
ALL_TIME = Interval.parse("2000-01-01/2100-01-01")
Rows = Sequence[Mapping[str, Any]]


def settings_of(sandbox: Sandbox, datasource: str, *, granularity: str = "DAY") -> NightSettings:
    """The shipped pipeline's settings for a datasource of one dimension."""
    shipped = NightSettings.read(
        sandbox.checkout / "dags" / "pipelines" / f"{VITALS}.yaml", configs=sandbox.checkout / "emr_configs"
    )
    changes = {
        "datasource": datasource,
        "dimensions": ["code"],
        "metrics": METRICS,
        "granularity": {"segment": granularity, "query": "NONE", "rollup": False},
        "partitioning": {"target_rows_per_segment": ROWS_PER_SEGMENT},
        "policy": {"max_chunks_per_batch": 1_000},
    }
    return replace(shipped, pipeline=Pipeline.model_validate(shipped.pipeline.model_dump() | changes))


def rows(interval: Interval, count: int, *, value: float = 1.0) -> list[dict[str, Any]]:
    """As many rows in ``interval``, evenly spread."""
    step = (interval.end - interval.start) / count
    return [
        {
            "timestamp": int((interval.start + number * step).timestamp() * 1000),
            "code": f"c{number % 3}",
            "value": value,
        }
        for number in range(count)
    ]


def ingestion(pipeline: Pipeline, intervals: Sequence[Interval], data: Rows, task_id: str) -> dict[str, Any]:
    """The native batch task that replaces ``intervals`` with ``data``."""
    return {
        "type": "index_parallel",
        "id": task_id,
        "spec": {
            "dataSchema": {
                "dataSource": pipeline.datasource,
                "timestampSpec": {"column": "timestamp", "format": "auto"},
                "dimensionsSpec": {"dimensions": [column.name for column in pipeline.dimensions]},
                "metricsSpec": METRICS,
                "granularitySpec": {
                    "segmentGranularity": pipeline.granularity.segment.value,
                    "queryGranularity": "NONE",
                    "rollup": False,
                    "intervals": [str(interval) for interval in intervals],
                },
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {
                    "type": "inline",
                    "data": "\n".join(json.dumps(row, separators=(",", ":")) for row in data),
                },
                "inputFormat": {"type": "json"},
            },
            "tuningConfig": {
                "type": "index_parallel",
                "partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": ROWS_PER_SEGMENT},
            },
        },
    }


def ingested(druid: DruidPort, pipeline: Pipeline, intervals: Sequence[Interval], data: Rows) -> None:
    """Return once ``data`` is published."""
    task_id = druid.submit_task(ingestion(pipeline, intervals, data, f"seed_{pipeline.datasource}_{uuid4().hex}"))
    await_success(druid, task_id, attempted="ingest", limit_seconds=TASK_SECONDS, poll_seconds=0.5)


def await_answer(sandbox: Sandbox, datasource: str, wanted: tuple[int, float], *, seconds: float = 120.0) -> None:
    """Return once Druid answers so many rows and such a sum for the whole datasource."""
    tables = 'SELECT 1 FROM INFORMATION_SCHEMA.TABLES WHERE "TABLE_NAME" = ?'
    sums = f'SELECT COUNT(*) AS n, SUM("value_sum") AS v FROM "{datasource}"'
    until, found = time.monotonic() + seconds, None
    while found != wanted:
        if sandbox.druid.query(tables, [{"type": "VARCHAR", "value": datasource}]):
            (row,) = sandbox.druid.query(sums)
            found = int(row["n"]), float(row["v"] or 0)
        assert found == wanted or time.monotonic() < until, found
        time.sleep(0.5)


def await_counted(sandbox: Sandbox, datasource: str, rows: int, *, seconds: float = 120.0) -> None:
    """Return once a Broker has counted so many rows by segment, as it does some time after it serves them."""
    until = time.monotonic() + seconds
    while (found := sum(sandbox.druid.segment_rows(datasource, [ALL_TIME]).values())) != rows:
        assert time.monotonic() < until, found
        time.sleep(0.5)


def await_unloaded(sandbox: Sandbox, datasource: str, versions: set[str], *, seconds: float = 120.0) -> None:
    """Return once no server serves any of ``versions``, which the Coordinator took for overshadowed or unused."""
    sql = 'SELECT DISTINCT "version" AS v FROM sys.segments WHERE "datasource" = ? AND "is_available" = 1'
    until = time.monotonic() + seconds
    while versions & {str(row["v"]) for row in sandbox.druid.query(sql, [{"type": "VARCHAR", "value": datasource}])}:
        assert time.monotonic() < until, f"{versions} of {datasource} are served still"
        time.sleep(0.5)


def overshadowed(sandbox: Sandbox, datasource: str, versions: set[str], *, seconds: float = 120.0) -> None:
    """Return once ``versions`` are out of service and unloaded, as the Coordinator does to what is overshadowed.

    Druid 25's waits until it has led for a quarter of an hour (``millisToWaitBeforeDeleting``), so it is done here,
    to those that it has not come to yet.
    """
    used = sandbox.druid.used_segments(datasource, [ALL_TIME])
    old = [each.segment_id for each in used if each.version in versions]
    sandbox.druid.mark_unused(datasource, old)
    assert not versions & {each.version for each in sandbox.druid.used_segments(datasource, [ALL_TIME])}
    await_unloaded(sandbox, datasource, versions, seconds=seconds)


@dataclass(frozen=True)
class NativeJob:
    """A batch as a native task under the name that an Overlord's task of the night has; it may die half-way."""

    druid: DruidPort
    work: Any
    data: Rows
    published: Sequence[Interval] | None

    def run(self, _cluster: Cluster) -> dict[str, str]:
        """The task's id. Raises ReindexFailedError once a part alone is published."""
        work = self.work
        task_id = names.task_id(work.pipeline, work.run_id, batch=work.batch.number, digest="0" * 8, generation=1)
        intervals = self.published or work.batch.intervals
        self.druid.submit_task(ingestion(work.pipeline, intervals, self.data, task_id))
        await_success(self.druid, task_id, attempted="ingest", limit_seconds=TASK_SECONDS, poll_seconds=0.5)
        if self.published is not None:
            raise ReindexFailedError("reindex", resource=task_id, came_back="it died half-way", remedy="clear it")
        return {"task_id": task_id}

    def cancel(self) -> None:
        """Stop nothing: it has ended."""


@dataclass(frozen=True)
class NativeNight:
    """One run on a real Druid; ``judged`` keeps its world."""

    judged: JudgedNight
    druid: DruidPort
    patch: pytest.MonkeyPatch

    @property
    def settings(self) -> NightSettings:
        """Those of the run."""
        return self.judged.settings

    def told(self, name: str) -> Any:
        """What a task returned."""
        return self.judged.world.xcoms.get((name, "return_value"))

    def planned(self, interval: Interval) -> str:
        """Why the plan of a forced night stops."""
        self.judged.world.conf |= {"interval": str(interval), "force": True, "reason": "a test"}
        return self.run(PlanNightOperator, "plan")

    def reindexed(self, data: Rows, *, published: Sequence[Interval] | None = None) -> str:
        """Why the batch stops that rebuilds its chunks as ``data``; dead after it has ``published`` a part."""
        cluster = Cluster("j-0", "none", ClusterState.WAITING, primary_dns="localhost")
        self.patch.setattr(reindex, "cluster_of", lambda *_: cluster)
        self.patch.setattr(reindex, "require_attested", lambda *_: None)
        job = lambda _task, work: NativeJob(self.druid, work, data, published)  # noqa: E731
        self.patch.setattr(ReindexSegmentsOperator, "_job_of", job)
        return self.run(ReindexSegmentsOperator, "reindex", batch=0)

    def validated(self) -> str:
        """Why `validate` stops."""
        return self.run(ValidateSegmentsOperator, "validate")

    def rolled_back(self) -> str:
        """Why `rollback` stops."""
        return self.run(RollbackSegmentsOperator, "rollback")

    def run_verdict(self) -> str:
        """Why `verdict` stops; it gives the lease back."""
        return self.run(NightVerdictOperator, "verdict")

    def run(self, kind: Callable[..., NightOperator], name: str, **options: Any) -> str:
        """Why the task stops; empty where the night goes on."""
        with no_socket_left():
            return self.judged.run(kind(task_id=name, settings=self.settings, poll_seconds=0.5, **options))


@contextmanager
def native_night(sandbox: Sandbox, config: DruidConfig, settings: NightSettings) -> Iterator[NativeNight]:
    """A run with Airflow's own connections, but for Druid's, which is ``config``."""
    made = airflow.connections(sandbox.home, sandbox.endpoints)
    druid = json.loads(made["AIRFLOW_CONN_DRUID_PHI"])
    urls = {name: getattr(config, name) for name in ("overlord_url", "coordinator_url", "broker_url")}
    druid |= {"login": config.user, "password": config.password, "extra": urls | {"ca_file": str(config.ca_file)}}
    made |= {"AIRFLOW_CONN_DRUID_PHI": json.dumps(druid)}
    with connections(service.user_environment(sandbox.home, "airflow"), made), pytest.MonkeyPatch.context() as patch:
        client = lambda _name: None  # noqa: E731
        yield NativeNight(JudgedNight(settings, client), sandbox.druid, patch)
