"""A night over the planted days, on the running sandbox or in memory: real plan, real validate, real rollback.

Only the job is Druid's quickest one, and no cluster stands behind it.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn

import httpx
import pytest
from airflow.sdk.exceptions import AirflowFailException

import night_world
from async_twins import AsyncFakeDruid, opened
from druid_reindex.clients.druid_async import open_druid
from druid_reindex.clients.expectations import ExpectationsClient
from druid_reindex.clients.s3 import S3Client
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.operators import connections, reindex
from druid_reindex.operators.judging import BatchJudge, Loaded
from druid_reindex.operators.loaded import await_load
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.rollback import RollbackSegmentsOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.operators.waiting import Wait, Waiting
from druid_reindex.plan import names
from druid_reindex.plan.export import place_of
from druid_reindex.ports import DruidPort, ExpectationsPort, ObjectStorePort
from druid_reindex.quality.judge import Verdict
from druid_reindex.sandbox.druid_security import admin_config
from druid_server import CONFIG
from emulated_account import until
from faulty_night import ClosingSession
from night_world import SETTINGS, World, connect, make
from planted_defects import DATASOURCE, DEFECTS, DIMENSIONS, METRICS, WINDOW, append_tasks, base_task, defect_tasks
from real_sandbox import Sandbox
from sqlite_druid import SqliteDruid
from twins import FakeStore

TASK_SECONDS = 240
OWN = (
    {"type": "expect_column_values_to_not_be_null", "column": "patient_token"},
    {"type": "expect_column_distinct_values_to_be_in_set", "column": "category",
     "value_set": ["laboratory", "vital-signs", "survey"]},
    {"type": "expect_column_values_to_be_between", "column": "value_sum", "min_value": 0, "max_value": 1_000_000},
)  # fmt: skip


def pipeline(*expectations: dict[str, Any], **changes: Any) -> Pipeline:
    """The planted days' pipeline, each day a batch of its own."""
    return Pipeline.model_validate(
        SETTINGS.pipeline.model_dump(exclude={"partitioning"})
        | {
            "datasource": DATASOURCE,
            "dimensions": [*DIMENSIONS],
            "metrics": [*METRICS],
            "policy": {"max_chunks_per_batch": 1},
            "expectations": [*expectations],
        }
        | changes
    )


@dataclass(frozen=True)
class JudgedRun:
    """One run over the planted days, whose operators work outside Airflow."""

    world: World
    settings: NightSettings
    store: ObjectStorePort
    druid: DruidPort
    before: list[dict[str, Any]] = field(default_factory=list)

    @property
    def run_id(self) -> RunId:
        """Its identity."""
        return make(PlanNightOperator, "plan", settings=self.settings).run_identity(self.world.context())

    def verdict(self, batch: int) -> dict[str, Any]:
        """The verdict that ``validate`` left on the batch."""
        uri = names.verdict_uri(self.settings.boundary, self.run_id, batch)
        found: dict[str, Any] = json.loads(self.store.get(uri))
        return found

    def page(self, batch: int) -> str:
        """Great Expectations' page of the batch."""
        return self.store.get(names.expectations_page_uri(self.settings.boundary, self.run_id, batch)).decode()

    def validate(self) -> tuple[str, float]:
        """What stopped ``validate``, empty when nothing did, and its seconds."""
        began = time.monotonic()
        try:
            self.world.run(make(ValidateSegmentsOperator, "validate", settings=self.settings))
        except AirflowFailException as stopped:
            return str(stopped), time.monotonic() - began
        return "", time.monotonic() - began

    def judged(self, batch: int, *expectations: dict[str, Any]) -> Verdict:
        """The verdict that the batch would have had with these expectations in the pipeline's file; it is not kept."""
        settings = replace(self.settings, pipeline=pipeline(*expectations))
        task, context = make(ValidateSegmentsOperator, "validate", settings=settings), self.world.context("validate")
        task.waiting = Waiting(_nobody_waits, datetime.now(UTC), lambda _: None)
        judge = BatchJudge(task, context, self.run_id, task.stored_plan(context).batches[batch])
        record = json.loads(self.store.get(names.result_uri(settings.boundary, self.run_id, batch)))
        return judge.judged(Loaded(judge.batch, record, await_load(task, judge.batch))).verdict

    def roll_back(self) -> str:
        """What stopped ``rollback``, empty when nothing did."""
        task = RollbackSegmentsOperator(task_id="rollback", settings=self.settings, poll_seconds=0.2)
        try:
            self.world.run(task)
        except AirflowFailException as stopped:
            return str(stopped)
        return ""

    def served(self) -> list[dict[str, Any]]:
        """What is served of each day that has rows, and by which version."""
        sums = ", ".join(f'ROUND(SUM("{metric["name"]}"), 4) AS {metric["name"]}' for metric in METRICS)
        return self.druid.query(
            f'SELECT TIME_FLOOR("__time", \'P1D\') AS "day", COUNT(*) AS stored, {sums}, '
            'APPROX_COUNT_DISTINCT("code") AS codes, COUNT(*) FILTER (WHERE "category" IS NULL) AS nulls '
            f'FROM "{DATASOURCE}" GROUP BY 1 ORDER BY 1'
        )


def _nobody_waits(wait: Wait) -> NoReturn:
    raise AssertionError(f"all is served already: {wait.what}")


class Published:
    """The job of a batch whose segments are published already."""

    def run(self, _cluster: Any) -> dict[str, str]:
        return {"task_id": "planted"}

    def cancel(self) -> None:
        raise AssertionError("nobody kills this task")


@dataclass(frozen=True)
class Stage:
    """What a run over the planted days works on; ``publish`` has these native tasks run, until all is served.

    ``async_druid`` opens Druid for those who wait.
    """

    druid: DruidPort
    async_druid: Callable[..., Any]
    store: ObjectStorePort
    expectations: ExpectationsPort
    publish: Callable[[list[dict[str, Any]]], None]


@contextmanager
def planted_run(stage: Stage) -> Iterator[JudgedRun]:
    """A run whose plan is made, whose days are published with their defects, and which is not judged yet."""
    stage.publish([base_task()])
    settings = replace(SETTINGS, pipeline=pipeline(*OWN))
    conf = {"interval": str(WINDOW), "reason": "planted defects", "force": True}
    world = World(conf=conf, run_id=f"manual__{datetime.now(UTC).isoformat()}")
    with pytest.MonkeyPatch.context() as patch:
        connect(world, patch)
        patch.setattr(connections, "druid_client", lambda _conn, **_: stage.druid)
        patch.setattr(connections, "async_druid", stage.async_druid)
        patch.setattr(connections, "s3_client", lambda _conn, _region: stage.store)
        patch.setattr(connections, "expectations_client", lambda _conn, **_: stage.expectations)
        patch.setattr(reindex, "cluster_of", lambda _task, _context: _Cluster())
        patch.setattr(reindex, "require_attested", lambda *_: None)
        patch.setattr(ReindexSegmentsOperator, "_job_of", lambda _task, _work: Published())
        patch.setattr(night_world, "MOST_DEFERRALS", 1_000)
        run = JudgedRun(world, settings, stage.store, stage.druid)
        run.before.extend(run.served())
        _carry_out(stage, run)
        yield run


@contextmanager
def on_the_sandbox(sandbox: Sandbox) -> Iterator[Stage]:
    """The running sandbox: its Druid, the account's S3, Great Expectations over TLS."""
    config = admin_config(sandbox.home, sandbox.endpoints)
    with closing(ClosingSession(SETTINGS.boundaries.region)) as aws, ExpectationsClient(config) as expectations:
        waiting = lambda _conn, **_: open_druid(config)  # noqa: E731
        yield Stage(sandbox.druid, waiting, S3Client(aws), expectations, partial(publish, sandbox))


@contextmanager
def in_memory() -> Iterator[Stage]:
    """SQLite behind a twin of Druid, and Great Expectations over its twin of a Broker."""
    store, times = FakeStore(), itertools.count(1)

    def publish_all(tasks: list[dict[str, Any]]) -> None:
        version = f"2026-11-01T00:00:0{next(times)}.000Z"
        for task in tasks:
            druid.publish(task, version)
        for each in druid.segments:
            if each.payload["loadSpec"]:
                store.put(place_of(each), b"segment", kms_key_arn=SETTINGS.boundary.kms_key_arn)

    with (
        closing(SqliteDruid()) as druid,
        ExpectationsClient(CONFIG, transport=httpx.MockTransport(druid.broker)) as expectations,
    ):
        yield Stage(druid, opened(AsyncFakeDruid(druid)), store, expectations, publish_all)


@dataclass(frozen=True)
class _Cluster:
    cluster_id: str = "j-planted"


def _carry_out(stage: Stage, run: JudgedRun) -> None:
    """Plan, measure each batch, publish the defects, record each batch; then another writer comes."""
    batches = run.world.run(make(PlanNightOperator, "plan", settings=run.settings))
    assert batches == [*range(len(DEFECTS))]
    tasks = [make(ReindexSegmentsOperator, f"reindex{n}", batch=n, settings=run.settings) for n in batches]
    for task, batch in zip(tasks, tasks[0].stored_plan(run.world.context()).batches, strict=True):
        task._before(run.world.context(), run.run_id, batch, run.settings.pipeline.datasource)
    stage.publish(defect_tasks())
    for task in tasks:
        run.world.run(task)
    stage.publish(append_tasks())


def publish(sandbox: Sandbox, tasks: list[dict[str, Any]]) -> None:
    """Have Druid run these tasks, as many at once as it has room for, and wait until all of it is served."""
    stamp = int(time.time())
    ids = [sandbox.druid.submit_task(task | {"id": f"{task['id']}-{stamp}"}) for task in tasks]
    for task_id in ids:
        ended = (TaskState.SUCCESS.value, TaskState.FAILED.value)
        until(lambda: sandbox.druid.task_status(task_id).state.value, *ended, seconds=TASK_SECONDS)  # noqa: B023
        assert sandbox.druid.task_status(task_id).state is TaskState.SUCCESS, sandbox.druid.task_failure(task_id)
    until(lambda: str(sandbox.druid.load_status(DATASOURCE, WINDOW, refresh=True).segments_left), "0")
    until(lambda: str(_uncounted(sandbox)), "0")


def _uncounted(sandbox: Sandbox) -> int:
    """How many of the segments with rows no Broker has counted yet."""
    used = sandbox.druid.used_segments(DATASOURCE, [WINDOW])
    counted = sandbox.druid.segment_rows(DATASOURCE, [WINDOW])
    return sum(each.shard_spec_type != "tombstone" and each.segment_id not in counted for each in used)
