"""A whole night of the shipped pipeline in one process: real operators, triggers and clients, whatever they talk to.

Tasks run in the DAG's order and by its trigger rules, each with the tries that Airflow gives it; a deferred one begins
anew once its trigger has fired. ``Injector``s before AWS and Druid say what their calls meet.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

import boto3
import pytest
from aiobotocore.session import get_session
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, TaskDeferred

import loops
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_async import open_druid
from druid_reindex.clients.druid_http import DruidConfig, Pace
from druid_reindex.clients.emr import EmrClient
from druid_reindex.clients.emr_async import open_emr
from druid_reindex.clients.expectations import ExpectationsClient
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.secrets import SecretsClient
from druid_reindex.clients.survey_emr import EmrSurvey
from druid_reindex.clients.survey_facts import Gathering, Night
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.attest import AttestClusterOperator
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.posture import JudgePostureOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.triggers.reports import report_uri
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names
from druid_reindex.posture.facts import Facts, Intent
from druid_reindex.sandbox.kdc import SITE_REALM
from druid_server import unhurried
from emulated_account import Emulator
from faults import Fault, Injector
from night_world import SETTINGS, World, rebuilt
from node_reports import body, report

PATIENCE_SECONDS = 60.0
TASKS = ("posture", "plan", "cluster_up", "attest", "reindex", "cluster_down", "validate", "verdict")
GREEN = dict.fromkeys(TASKS, "success")


@dataclass
class FaultyNight:
    """One run; ``world`` holds Druid's twin, XComs and states. ``stopped`` says why each red task gave up.

    ``limit_seconds`` stands in for the policy's hours, counted for each try of a task. ``planned`` is called once the
    plan is there: what a step publishes, which nobody but Druid's metadata store hears of, appears then. ``launched``
    is called once a cluster is up, for nodes that cannot report themselves.
    """

    aws: Injector
    druid: Injector
    settings: NightSettings = SETTINGS
    world: World = field(default_factory=lambda: World(run_id=f"manual__{uuid.uuid4()}"))
    limit_seconds: float = PATIENCE_SECONDS
    poll_seconds: float = 0.05
    planned: Callable[[World], None] = lambda _world: None
    launched: Callable[[str], None] = lambda _cluster_id: None
    stopped: dict[str, str] = field(default_factory=dict)

    def run(self, fault: Fault | None, *operations: str, times: int = 1) -> dict[str, str]:
        """The tasks' states at the end; ``operations`` (none: all, of both services) meet ``fault``."""
        for injector in (self.aws, self.druid):
            injector.arm(fault, *operations, times=times)
        self._task(JudgePostureOperator, "posture")
        self._task(PlanNightOperator, "plan", after="posture")
        self.planned(self.world)
        self._task(LaunchEmrClusterOperator, "cluster_up", after="plan")
        if self.world.states["cluster_up"] == "success":
            self.launched(self.world.xcoms["cluster_up", "return_value"]["cluster_id"])
        self._task(AttestClusterOperator, "attest", after="cluster_up")
        self._task(ReindexSegmentsOperator, "reindex", after="attest", batch=0)
        self._task(TerminateEmrClusterOperator, "cluster_down", after="cluster_up")
        self._task(ValidateSegmentsOperator, "validate")
        self._task(NightVerdictOperator, "verdict")
        return dict(self.world.states)

    def mend(self) -> dict[str, str]:
        """The tasks' states once nothing is spoilt any more, and the first task that is not green has been cleared.

        With it go those after it, and, as in Airflow, the setup of a task that needs one.
        """
        self.limit_seconds = max(self.limit_seconds, PATIENCE_SECONDS)
        green = [*takewhile(lambda task: self.world.states[task] == "success", self.world.states)]
        kept = [task for task in green if task != "cluster_up" or "reindex" in green]
        self.world.states = dict.fromkeys(kept, "success")
        self.stopped.clear()
        return self.run(None)

    @property
    def run_id(self) -> RunId:
        """The run's identity."""
        dag_id = self.settings.pipeline.dag_id
        return RunId.of(self.settings.boundaries.deployment_id, dag_id=dag_id, run_id=self.world.run_id)

    def _task(self, kind: type[NightOperator], task_id: str, *, after: str | None = None, **options: Any) -> None:
        """One task, unless it is green; ``after`` is the task that must have succeeded, else this one is not tried."""
        if task_id in self.world.states:
            return
        if after is not None and self.world.states[after] != "success":
            self.world.states[task_id] = "skipped" if self.world.states[after] == "skipped" else "upstream_failed"
            return
        operator = partial(kind, task_id=task_id, settings=self.settings, poll_seconds=self.poll_seconds, **options)
        self.world.states[task_id] = "running"
        self.world.states[task_id] = self._tried(operator)

    def _tried(self, operator: Callable[[], NightOperator]) -> str:
        """The task's state after so many tries as it has."""
        task_id = operator().task_id
        for _ in range(operator().retries + 1):
            try:
                self.world.xcoms[task_id, "return_value"] = self._try(operator)
            except AirflowSkipException:
                return "skipped"
            except AirflowException as error:
                self.stopped[task_id] = str(error)
                if isinstance(error, AirflowFailException):
                    break
            else:
                self.stopped.pop(task_id, None)
                return "success"
        return "failed"

    def _try(self, operator: Callable[[], NightOperator]) -> Any:
        """What one try returns; each time it has deferred, a new process would go on, so a new operator does."""
        started = operator()
        context = self.world.context(started.task_id)
        go_on: Callable[[], Any] = partial(started.execute, context)
        while True:
            try:
                return go_on()
            except TaskDeferred as deferred:
                event = loops.run(first_event(deferred.trigger))
                arguments = {**(deferred.kwargs or {}), "event": event}
                go_on = partial(operator().resume_execution, deferred.method_name, arguments, context)


async def first_event(trigger: Any) -> dict[str, Any]:
    """What the trigger tells."""
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger ended without an event")


class ClosingSession(boto3.Session):
    """A session whose clients are closed with it."""

    def __init__(self, region: str) -> None:
        super().__init__(region_name=region)
        self.made: list[Any] = []

    def client(self, *args: Any, **options: Any) -> Any:
        """A client that ``close`` closes."""
        self.made.append(super().client(*args, **options))
        return self.made[-1]

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self.made:
            client.close()


@contextmanager
def connected(
    night: FaultyNight, druid: DruidConfig, region: str, pace: Callable[[], Pace] = unhurried
) -> Iterator[FaultyNight]:
    """The night with the product's clients behind its connections: AWS by the environment, Druid at ``druid``.

    Connections of triggers end with the block, by the garbage collector.
    """

    def deadline(_task: NightOperator, context: Any) -> datetime:
        started: datetime = context["ti"].start_date
        return started + timedelta(seconds=night.limit_seconds)

    def druid_client(_conn_id: str, *, protected: bool) -> DruidClient:
        return ends.enter_context(DruidClient(druid, pace=pace()))

    def expectations_client(_conn_id: str, *, protected: bool) -> ExpectationsClient:
        return ends.enter_context(ExpectationsClient(druid, pace=pace()))

    def posture_facts(_conn: str, _druid_conn: str, about: Night, intent: Intent) -> Facts:
        return Gathering(about, intent, aws, lambda: druid).facts()

    aws = ClosingSession(region)
    with closing(aws), ExitStack() as ends, pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{night.settings.druid_conn_id.upper()}", druid.overlord_url)
        patch.setattr(connections, "druid_client", druid_client)
        patch.setattr(connections, "expectations_client", expectations_client)
        patch.setattr(connections, "async_druid", lambda _conn, **_: open_druid(druid))
        patch.setattr(connections, "emr_client", lambda _conn, _region: EmrClient(aws))
        patch.setattr(connections, "cluster_survey", lambda _conn, _region: EmrSurvey(aws))
        patch.setattr(connections, "posture_facts", posture_facts)
        patch.setattr(connections, "async_emr", lambda _conn, _region: open_emr(get_session, region))
        patch.setattr(connections, "s3_client", lambda _conn, _region: S3Client(aws))
        patch.setattr(connections, "secrets_client", lambda _conn, _region: SecretsClient(aws))
        patch.setattr(NightOperator, "_deadline", deadline)
        yield night


def let_nodes_report(account: Emulator, cluster_id: str) -> None:
    """Leave a report of each node of a cluster whose nodes run nothing: that all is as it should be."""
    emr, s3 = account.client("emr"), account.client("s3")
    tags = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Tags"]
    (run_id,) = [tag["Value"] for tag in tags if tag["Key"] == names.RUN_TAG]
    prefix, nonce = names.attestation_prefix(SETTINGS.boundary, run_id), names.attestation_nonce(run_id)
    kerberos = {"authentication": "kerberos", "realm": SITE_REALM, "simple_refused": True}
    for instance in emr.list_instances(ClusterId=cluster_id)["Instances"]:
        uri = report_uri(prefix, instance["Ec2InstanceId"])
        told = report(instance["Ec2InstanceId"], nonce, cluster_id=cluster_id, kerberos=kerberos)
        s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=body(told))


def publish_object(settings: NightSettings, region: str) -> None:
    """Put the segment that the twin's rebuild publishes into deep storage."""
    place = rebuilt().payload["loadSpec"]
    with closing(ClosingSession(region)) as aws:
        store = S3Client(aws)
        store.put(S3Uri(place["bucket"], place["key"]), b"segment", kms_key_arn=settings.boundary.kms_key_arn)


def cluster_states(night: FaultyNight, emr: Any, *, settle_seconds: float = 20.0) -> list[str]:
    """The states of the run's clusters, once none of them is on its way out."""
    give_up = time.monotonic() + settle_seconds
    while True:
        listed = [each["Id"] for page in emr.get_paginator("list_clusters").paginate() for each in page["Clusters"]]
        described = [emr.describe_cluster(ClusterId=cluster_id)["Cluster"] for cluster_id in listed]
        tag = {"Key": names.RUN_TAG, "Value": str(night.run_id)}
        states = [each["Status"]["State"] for each in described if tag in each["Tags"]]
        if "TERMINATING" not in states or time.monotonic() > give_up:
            return states
        time.sleep(0.1)
