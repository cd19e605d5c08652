"""One night's outside world in memory: twins behind Airflow's connections, and the context that a task sees."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from airflow.sdk.exceptions import TaskDeferred

from async_twins import AsyncFakeDruid, AsyncFakeEmr, AsyncFakeRedshift, opened
from druid_reindex.model.config_files import profile_names
from druid_reindex.model.datasource_import import COLUMNS_SQL
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connection_types, connections
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.plan import certificates
from druid_reindex.plan.security import Needed, needed
from twins import (
    FakeClusterSurvey,
    FakeDruid,
    FakeEmr,
    FakeExpectations,
    FakeLockedStore,
    FakeRedshift,
    FakeSecrets,
    FakeSigner,
    FakeStore,
    FakeVersions,
    Outcome,
    segment,
)

ROOT = Path(__file__).parents[1]
SETTINGS = NightSettings.read(ROOT / "dags" / "pipelines" / "patient_vitals.yaml", configs=ROOT / "emr_configs")
DAY = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
MOST_DEFERRALS = 50
BEGAN = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
ZIP = b"certificates"
_DEFERRED = object()
NEW_VERSION = "2026-10-06T02:30:00.000Z"
REBUILT_OBJECT = S3Uri("drx-phi-111122223333", f"druid/segments/{NEW_VERSION}/0/index.zip")
Operator = TypeVar("Operator", bound=NightOperator)


def old_segments() -> list[Any]:
    """Ten small segments of one day."""
    return [segment(DAY, version="2026-09-02T00:00:00.000Z", number=n, datasource="patient_vitals") for n in range(10)]


def rebuilt() -> Any:
    """The one segment that a rebuild of that day publishes."""
    return segment(DAY, version=NEW_VERSION, datasource="patient_vitals", rows=100)


def measured(rows: Callable[[str], int], druid: FakeDruid | None = None) -> Callable[[str, Any], list[dict[str, Any]]]:
    """Answers of a Druid that has, by the query, so many rows on the day, and that many of whatever it is asked for.

    Its Overlord's tasks, those of ``druid``, have all run from half an hour before ``NEW_VERSION`` to as long after it.
    """

    def answers(sql: str, _parameters: Any) -> list[dict[str, Any]]:
        if sql == COLUMNS_SQL:
            return [{"COLUMN_NAME": "events", "DATA_TYPE": "BIGINT"}, {"COLUMN_NAME": "code", "DATA_TYPE": "VARCHAR"}]
        if "sys.tasks" in sql:
            lived = {"created_time": "2026-10-06T02:00:00.000Z", "duration": 3_600_000}
            return [{"task_id": task_id} | lived for task_id in (druid.tasks if druid else ())]
        found = rows(sql)
        return [dict.fromkeys(re.findall(r" AS (\w+)", sql), found) | {"chunk": "2026-09-01T00:00:00.000Z"}]

    return answers


@dataclass
class World:
    """Twins, and the XComs and task states of one run; `rows` is what Druid counts for the day.

    Runs that are in `dead` have ended, for those who ask Airflow.
    """

    druid: FakeDruid = field(default_factory=lambda: FakeDruid(old_segments(), [Outcome(publishes=[rebuilt()])]))
    emr: FakeEmr = field(default_factory=FakeEmr)
    store: FakeStore = field(default_factory=FakeStore)
    survey: FakeClusterSurvey = field(default_factory=FakeClusterSurvey)
    vault: FakeSecrets = field(
        default_factory=lambda: FakeSecrets({"druid-reindex/kdc": ('{"password": "of the KDC"}', "")})
    )
    redshift: FakeRedshift = field(default_factory=FakeRedshift)
    locked: FakeLockedStore = field(default_factory=FakeLockedStore)
    signer: FakeSigner = field(default_factory=FakeSigner)
    asked_by: str | None = "ada"
    expectations: FakeExpectations = field(default_factory=FakeExpectations)
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    conf: dict[str, Any] = field(default_factory=lambda: {"interval": "2026-09-01/2026-09-03", "reason": "a test"})
    deferred: list[TaskDeferred] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    archive: FakeVersions = field(default_factory=FakeVersions)
    run_id: str = "manual__1"
    dead: set[str] = field(default_factory=set)
    rows: int = 100

    def __post_init__(self) -> None:
        self.druid.answers = measured(lambda _sql: self.rows, self.druid)

    def context(self, task_id: str = "task") -> Any:
        """Airflow's context of `task_id`."""
        run = SimpleNamespace(
            dag_id="nightly_reindex__patient_vitals", run_id=self.run_id, conf=self.conf, logical_date=None,
            run_type="manual", triggering_user_name=self.asked_by,
            data_interval_end=None, run_after=datetime(2026, 10, 6, tzinfo=UTC), start_date=BEGAN,
        )  # fmt: skip
        ti = SimpleNamespace(
            start_date=datetime.now(UTC),
            map_index=-1,
            try_number=1,
            xcom_pull=lambda task_ids, key="return_value": self.xcoms.get((task_ids, key)),
            xcom_push=lambda key, value: self.xcoms.__setitem__((task_id, key), value),
            get_task_states=lambda dag_id, run_ids: {run_ids[0]: self.states},
            get_dr_count=lambda dag_id, run_ids, states: len({*run_ids} - self.dead),
        )
        return {"dag_run": run, "ti": ti, "params": self.params}

    def run(self, operator: NightOperator) -> Any:
        """What the task returns, kept as its XCom."""
        context = self.context(operator.task_id)
        go_on = partial(operator.execute, context)
        while (returned := self._unless_deferred(go_on)) is _DEFERRED:
            last = self.deferred[-1]
            go_on = partial(operator.resume_execution, last.method_name, _next(last), context)
        self.xcoms[operator.task_id, "return_value"] = returned
        return returned

    def _unless_deferred(self, go_on: Callable[[], Any]) -> Any:
        assert len(self.deferred) < MOST_DEFERRALS, self.deferred[-1]
        try:
            return go_on()
        except TaskDeferred as deferred:
            self.deferred.append(deferred)
            return _DEFERRED

    def plan(self) -> list[int]:
        """The night's plan, made and stored."""
        planned: list[int] = self.run(make(PlanNightOperator, "plan"))
        return planned


def _next(deferred: TaskDeferred) -> dict[str, Any]:
    """What the task goes on with."""
    return {**(deferred.kwargs or {}), "event": fired(deferred.trigger)}


def fired(trigger: Any) -> Any:
    """What the trigger's one event tells, once it fires."""

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(events())
    return payload


def wanted_configuration(settings: NightSettings) -> Needed:
    """The security configuration that the run's clusters get, with the certificates that the world has."""
    assert settings.security is not None
    return needed(settings.security, settings.boundary, _zip_uri(settings.profile.name))


def _zip_uri(profile: str) -> S3Uri:
    asked = certificates.wanted(SETTINGS.boundaries, SETTINGS.pipeline.classification, profile, BEGAN)
    return asked.uri(sha256(ZIP).hexdigest())


def make(kind: type[Operator], task_id: str, **options: Any) -> Operator:
    """An operator of the shipped pipeline, or of other `settings`, that does not sleep."""
    return kind(task_id=task_id, poll_seconds=0.0, **{"settings": SETTINGS} | options)


def reindexed(world: World) -> World:
    """The world in which the night has planned and rebuilt its one batch, whose object is under the boundary's key."""
    world.store.put(REBUILT_OBJECT, b"segment", kms_key_arn=SETTINGS.boundary.kms_key_arn)
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    return world


def connect(world: World, patch: pytest.MonkeyPatch) -> World:
    """Put the world's twins behind the connections, and certificates where runs look for them."""
    for profile in profile_names(SETTINGS.configs):
        world.store.put(_zip_uri(profile), ZIP, kms_key_arn=SETTINGS.boundary.kms_key_arn)
    patch.setattr(connections, "druid_client", lambda _conn_id, **_: world.druid)
    patch.setattr(connections, "expectations_client", lambda _conn_id, **_: world.expectations)
    patch.setattr(connection_types, "console_url", lambda _conn_id: "https://druid.example.org")
    patch.setattr(connections, "emr_client", lambda _conn_id, _region: world.emr)
    patch.setattr(connections, "s3_versions", lambda _conn_id, _region: world.archive)
    patch.setattr(connections, "cluster_survey", lambda _conn_id, _region: world.survey)
    patch.setattr(connections, "async_druid", opened(AsyncFakeDruid(world.druid)))
    patch.setattr(connections, "async_emr", opened(AsyncFakeEmr(world.emr)))
    patch.setattr(connections, "redshift_client", lambda _conn_id, _region, _warehouse: world.redshift)
    patch.setattr(connections, "async_redshift", opened(AsyncFakeRedshift(world.redshift)))
    patch.setattr(connections, "s3_client", lambda _conn_id, _region: world.store)
    patch.setattr(connections, "locked_store", lambda _conn_id, _region: world.locked)
    patch.setattr(connections, "signer", lambda _conn_id, _region, _key_arn: world.signer)
    patch.setattr(connections, "secrets_client", lambda _conn_id, _region: world.vault)
    return world
