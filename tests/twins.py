"""In-memory twins of the ports: what the product asks of Druid, EMR and S3, answered without a network.

The suite ``tests/unit/clients/test_port_contracts.py`` runs on the clients and on these alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from io import BytesIO
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from druid_reindex.errors import (
    ConfigurationError,
    ConflictError,
    NoAnswerError,
    NotAuthorizedError,
    NotFoundError,
    RefusedError,
)
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.model.account import ClusterInstance, LiveCluster, Volume
from druid_reindex.model.cluster import Cluster, ClusterState, Step, StepState, StoredConfiguration
from druid_reindex.model.druid_task import LoadStatus, TaskState, TaskStatus
from druid_reindex.model.evidence_place import ObjectLock
from druid_reindex.model.expectation import Expectation, Report, Result
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Engine
from druid_reindex.model.segment import Segment
from druid_reindex.model.trail import StoredDigest, TrailKey, TrailScope, Window, digest_end
from druid_reindex.model.uri import ObjectVersion, S3Uri, StoredObject
from druid_reindex.model.used_set import UsedSet, count_sets
from druid_reindex.model.warehouse import Statement, StatementState, SubStatement
from druid_reindex.model.writers import Supervisor, SupervisorVersion, Writers
from druid_reindex.plan.timeline import serving, visible_segments

EPOCH = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
UP = (ClusterState.STARTING, ClusterState.BOOTSTRAPPING, ClusterState.WAITING)


def segment(
    interval: str, *, version: str = "v1", number: int = 0, datasource: str = "vitals", rows: int = 10
) -> Segment:
    """A segment of ``datasource`` as Druid's JSON would give it."""
    payload = {
        "dataSource": datasource,
        "interval": interval,
        "version": version,
        "loadSpec": {
            "type": "s3_zip",
            "bucket": "drx-phi-111122223333",
            "key": f"druid/segments/{version}/{number}/index.zip",
        },
        "dimensions": "patient_token,code",
        "metrics": "events,value_sum",
        "shardSpec": {"type": "numbered", "partitionNum": number, "partitions": 0},
        "binaryVersion": 9,
        "size": rows * 100,
    }
    made = Segment.from_payload(payload, num_rows=rows)
    return replace(made, payload=payload | {"identifier": made.segment_id})


@dataclass
class Outcome:
    """How a submitted task ends after ``polls`` looks at its status; on success ``publishes`` become used segments.

    One that is ``queued_since`` has no locks until then.
    """

    state: TaskState = TaskState.SUCCESS
    failure: str = ""
    publishes: Sequence[Segment] = ()
    polls: int = 1
    queued_since: datetime | None = None


@dataclass
class FakeDruid:
    """A Druid that holds ``segments`` (all used, overshadowed ones included); the nth new task ends as ``outcomes[n]``.

    What was marked unused is in ``unused``, by its id, until it is killed.

    ``segments_left`` is what successive load checks see (the last value stays); ``answers`` is asked for each query;
    ``types`` are columns of other types than the usual ones. ``histories`` have each suspension and resumption of one
    of ``supervisors``, the newest first. ``deep_storage`` is where the objects of killed segments are deleted.
    """

    segments: list[Segment] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    segments_left: list[int] = field(default_factory=lambda: [0])
    answers: Callable[[str, Sequence[Mapping[str, Any]]], list[dict[str, Any]]] = lambda _sql, _parameters: []
    submitted: list[Mapping[str, Any]] = field(default_factory=list)
    tasks: dict[str, Outcome] = field(default_factory=dict)
    ended: dict[str, TaskState] = field(default_factory=dict)
    version: str = "25.0.0"
    refreshes: list[bool] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    unused: dict[str, Segment] = field(default_factory=dict)
    supervisors: list[Supervisor] = field(default_factory=list)
    compacted: set[str] = field(default_factory=set)
    histories: dict[str, list[SupervisorVersion]] = field(default_factory=dict)
    deep_storage: FakeVersions | None = None

    def check_engine(self, engine: Engine) -> str:
        if engine is Engine.HADOOP and int(self.version.split(".")[0]) >= 37:
            raise ConfigurationError("submit", resource="druid", came_back="no Hadoop ingestion", remedy="use msq")
        return self.version

    def submit_task(self, payload: Mapping[str, Any]) -> str:
        task_id = str(payload["id"])
        if task_id not in self.tasks:
            self.tasks[task_id] = self.outcomes[len(self.tasks)] if len(self.tasks) < len(self.outcomes) else Outcome()
            self.submitted.append(payload)
        return task_id

    def task_status(self, task_id: str) -> TaskStatus:
        if task_id not in self.tasks:
            return TaskStatus(task_id, TaskState.ABSENT)
        outcome = self.tasks[task_id]
        if task_id not in self.ended and outcome.polls <= 0:
            self.ended[task_id] = outcome.state
            self.segments.extend(outcome.publishes if outcome.state is TaskState.SUCCESS else ())
            self._kill(next((task for task in self.submitted if task["id"] == task_id), {}))
        outcome.polls -= 1
        state = self.ended.get(task_id, TaskState.RUNNING)
        said, queued = outcome.failure[:100] if state is TaskState.FAILED else "", outcome.queued_since
        is_queued = queued is not None and state is TaskState.RUNNING
        return TaskStatus(task_id, state, said, 1.0, is_queued, queued)

    def _kill(self, task: Mapping[str, Any]) -> None:
        """A kill takes what is unused within its interval; releases from 30 on, of the versions that it names."""
        if task.get("type") != "kill" or self.ended[str(task["id"])] is not TaskState.SUCCESS:
            return
        interval, versions = Interval.parse(task["interval"]), set(task.get("versions", ()))
        for each in list(self.unused.values()):
            named = not self.kills_by_version() or each.version in versions
            if each.datasource == task["dataSource"] and interval.contains(each.interval) and named:
                del self.unused[each.segment_id]
                if self.deep_storage is not None:
                    spec = each.payload["loadSpec"]
                    self.deep_storage.hide(S3Uri(spec["bucket"], spec["key"]))

    def kills_by_version(self) -> bool:
        return int(self.version.split(".")[0]) >= 30

    def task_failure(self, task_id: str) -> str:
        if task_id not in self.tasks:
            raise NotFoundError(
                "read why a task failed", resource=task_id, came_back="no such task", remedy="submit it"
            )
        return self.tasks[task_id].failure

    def shutdown_task(self, task_id: str) -> None:
        if task_id in self.tasks:
            self.ended.setdefault(task_id, TaskState.FAILED)

    def active_tasks(self, datasource: str) -> list[TaskStatus]:
        return [
            TaskStatus(
                str(task["id"]), TaskState.RUNNING, is_queued=self.tasks[str(task["id"])].queued_since is not None
            )
            for task in self.submitted
            if str(task["id"]) not in self.ended and _datasource(task) == datasource
        ]

    def writers(self, datasource: str, *, since: datetime | None = None) -> Writers:
        """All tasks are taken for newer than ``since``."""
        mine = [str(task["id"]) for task in self.submitted if _datasource(task) == datasource]
        succeeded = tuple(each for each in mine if since and self.ended.get(each) is TaskState.SUCCESS)
        active = tuple(task.task_id for task in self.active_tasks(datasource))
        return Writers(tuple(self.supervisors), datasource in self.compacted, active, succeeded)

    def supervisor_versions(self, supervisor_id: str) -> list[SupervisorVersion]:
        known = [each for each in self.supervisors if each.supervisor_id == supervisor_id]
        if known:
            self.histories.setdefault(supervisor_id, [SupervisorVersion("1", known[0].is_suspended)])
        return list(self.histories.get(supervisor_id, ()))

    def suspend_supervisor(self, supervisor_id: str) -> bool:
        return self._turn(supervisor_id, is_suspended=True)

    def resume_supervisor(self, supervisor_id: str) -> bool:
        return self._turn(supervisor_id, is_suspended=False)

    def _turn(self, supervisor_id: str, *, is_suspended: bool) -> bool:
        versions = self.supervisor_versions(supervisor_id)
        known = [each for each in self.supervisors if each.supervisor_id == supervisor_id]
        if not known or known[0].is_suspended is is_suspended:
            return False
        self.supervisors[self.supervisors.index(known[0])] = replace(known[0], is_suspended=is_suspended)
        self.histories[supervisor_id] = [SupervisorVersion(str(len(versions) + 1), is_suspended), *versions]
        return True

    def used_segments(self, datasource: str, intervals: Sequence[Interval]) -> list[Segment]:
        return [
            s for s in self.segments if s.datasource == datasource and any(s.interval.overlaps(i) for i in intervals)
        ]

    def used_sets(self, datasource: str, interval: Interval) -> list[UsedSet]:
        used = self.used_segments(datasource, [interval])
        sets = count_sets(used)
        for each in sets:
            rows = [s.num_rows for s in used if (s.interval, s.version) == (each.interval, each.version)]
            each.num_rows = None if None in rows else sum(count for count in rows if count is not None)
        return sets

    def segment_rows(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, int]:
        used = self.used_segments(datasource, intervals)
        return {s.segment_id: s.num_rows for s in used if s.num_rows is not None}

    def announced(self, datasource: str, intervals: Sequence[Interval]) -> frozenset[str]:
        return frozenset(each.segment_id for each in self.used_segments(datasource, intervals))

    def mark_unused(self, datasource: str, segment_ids: Sequence[str]) -> int:
        gone = {(datasource, segment_id) for segment_id in segment_ids}
        taken = [each for each in self.segments if (each.datasource, each.segment_id) in gone]
        self.segments = [each for each in self.segments if (each.datasource, each.segment_id) not in gone]
        self.unused |= {each.segment_id: each for each in taken}
        return len(taken)

    def mark_used(self, datasource: str, segment_ids: Sequence[str]) -> int:
        used = {each.segment_id for each in self.segments if each.datasource == datasource}
        if unknown := [each for each in segment_ids if each not in used and each not in self.unused]:
            raise NotFoundError("mark", resource=datasource, came_back=f"unknown: {unknown}", remedy="do not kill")
        asked = [self.unused[each] for each in segment_ids if each not in used]
        listed = [s for s in self.segments if s.datasource == datasource]
        served = {s.segment_id for s in visible_segments(serving([*listed, *asked]))}
        back = [each for each in asked if each.segment_id in served]
        self.segments.extend(self.unused.pop(each.segment_id) for each in back)
        return len(back)

    def load_status(self, datasource: str, interval: Interval, *, refresh: bool) -> LoadStatus:
        self.refreshes.append(refresh)
        if not self.used_segments(datasource, [interval]):
            return LoadStatus(datasource, None)
        left = self.segments_left.pop(0) if len(self.segments_left) > 1 else self.segments_left[0]
        return LoadStatus(datasource, left)

    def query(self, sql: str, parameters: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        return self.answers(sql, parameters)

    def column_types(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, str]:
        """Texts and sums, by the columns that the segments list."""
        served = self.used_segments(datasource, intervals)
        dimensions = {name: "STRING" for segment in served for name in segment.dimensions}
        sums = {name: "DOUBLE" if name.endswith("_sum") else "LONG" for each in served for name in each.metrics}
        return {name: self.types.get(name, kind) for name, kind in (dimensions | sums).items()}


@dataclass
class FakeExpectations:
    """Great Expectations of which each expectation holds that is not among ``broken``, by its type."""

    broken: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    asked: list[tuple[str, tuple[Interval, ...], tuple[Expectation, ...]]] = field(default_factory=list)

    def run(
        self, datasource: str, intervals: Sequence[Interval], expectations: Sequence[Expectation], *, title: str
    ) -> Report:
        self.asked.append((datasource, tuple(intervals), tuple(expectations)))
        results = [
            Result(each.type, None if each.type in self.unread else each.type not in self.broken, "to hold",
                   "Druid refuses the query" if each.type in self.unread else "")
            for each in expectations
        ]  # fmt: skip
        return Report(tuple(results), {"success": not self.broken}, f"<html>{title}</html>")


@dataclass
class FakeEmr:
    """An EMR whose clusters move one state along ``lifecycle`` at each describe and then stay.

    ``reason`` is the state-change reason (code, message) once a cluster has ended by itself; the nth added step ends,
    at its second describe, as ``step_outcomes[n]`` (COMPLETED by default).
    """

    lifecycle: Sequence[ClusterState] = UP
    reason: tuple[str, str] = ("ALL_STEPS_COMPLETED", "Steps completed")
    step_outcomes: list[StepState] = field(default_factory=list)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    ahead: dict[str, list[ClusterState]] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    launched: list[Mapping[str, Any]] = field(default_factory=list)
    added: list[Mapping[str, Any]] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    configurations: dict[str, StoredConfiguration] = field(default_factory=dict)

    def run_job_flow(self, payload: Mapping[str, Any]) -> str:
        named = payload.get("SecurityConfiguration", "")
        if named and named not in self.configurations:
            raise RefusedError("launch a cluster", resource="EMR", came_back=f"no {named}", remedy="create it")
        self.launched.append(payload)
        cluster_id = f"j-{len(self.launched):013d}"
        self.clusters[cluster_id] = Cluster(
            cluster_id, payload["Name"], ClusterState.STARTING,
            tags={tag["Key"]: tag["Value"] for tag in payload.get("Tags", ())},
            log_uri=payload.get("LogUri", ""), release_label=payload.get("ReleaseLabel", ""),
            created_at=EPOCH + timedelta(minutes=len(self.launched)), security_configuration=named,
        )  # fmt: skip
        self.ahead[cluster_id], self.steps[cluster_id] = list(self.lifecycle), []
        return cluster_id

    def find_clusters(self, tag: str, value: str) -> list[Cluster]:
        return [c for c in reversed(self.clusters.values()) if c.tags.get(tag) == value]

    def living_clusters(self, tag: str) -> list[Cluster]:
        return [c for c in reversed(self.clusters.values()) if tag in c.tags and not c.state.is_ended]

    def describe_cluster(self, cluster_id: str) -> Cluster:
        cluster = self._known(cluster_id)
        if self.ahead[cluster_id]:
            self.clusters[cluster_id] = cluster = self._moved(cluster, self.ahead[cluster_id].pop(0))
        return cluster

    def terminate(self, cluster_id: str) -> None:
        cluster = self._known(cluster_id)
        self.terminated.append(cluster_id)
        if not cluster.state.is_ended:
            ending = replace(cluster, reason_code="USER_REQUEST", reason_message="Terminated by user request")
            self.clusters[cluster_id] = replace(ending, state=ClusterState.TERMINATING)
            self.ahead[cluster_id] = [ClusterState.TERMINATED]

    def add_step(self, cluster_id: str, payload: Mapping[str, Any]) -> str:
        if not self._known(cluster_id).state.is_up:
            raise RefusedError("add a step", resource=cluster_id, came_back="not up", remedy="launch a cluster")
        self.added.append(payload)
        step_id = f"s-{len(self.added):013d}"
        self.steps[cluster_id].insert(0, Step(step_id, payload["Name"], StepState.PENDING))
        return step_id

    def list_steps(self, cluster_id: str) -> list[Step]:
        self._known(cluster_id)
        return list(self.steps[cluster_id])

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        step = self._step(cluster_id, step_id)
        if step.state is StepState.PENDING:
            self._put_step(cluster_id, replace(step, state=StepState.RUNNING))
        elif step.state is StepState.RUNNING:
            number = int(step_id[2:]) - 1
            ends = self.step_outcomes[number] if number < len(self.step_outcomes) else StepState.COMPLETED
            self._put_step(cluster_id, replace(step, state=ends))
        return self._step(cluster_id, step_id)

    def cancel_step(self, cluster_id: str, step_id: str) -> None:
        step = self._step(cluster_id, step_id)
        if not step.state.is_ended:
            self._put_step(cluster_id, replace(step, state=StepState.CANCELLED))

    def create_security_configuration(self, name: str, text: str) -> None:
        self.configurations.setdefault(name, StoredConfiguration(name, text, EPOCH))

    def security_configuration(self, name: str) -> StoredConfiguration | None:
        return self.configurations.get(name)

    def security_configuration_names(self) -> list[str]:
        return sorted(self.configurations)

    def delete_security_configuration(self, name: str) -> None:
        self.configurations.pop(name, None)

    def _known(self, cluster_id: str) -> Cluster:
        if cluster_id not in self.clusters:
            raise NotFoundError("read a cluster", resource=cluster_id, came_back="not valid", remedy="check the id")
        return self.clusters[cluster_id]

    def _moved(self, cluster: Cluster, state: ClusterState) -> Cluster:
        now = (cluster.created_at or EPOCH) + timedelta(minutes=5)
        if state.is_up:
            return replace(cluster, state=state, ready_at=now, primary_dns="ip-127-77-0-1.ec2.internal")
        if state.is_ended:
            code, message = (cluster.reason_code, cluster.reason_message) if cluster.reason_code else self.reason
            ended = replace(cluster, reason_code=code, reason_message=message, ended_at=now)
            return replace(ended, state=state, normalized_instance_hours=8)
        return replace(cluster, state=state)

    def _step(self, cluster_id: str, step_id: str) -> Step:
        self._known(cluster_id)
        for step in self.steps[cluster_id]:
            if step.step_id == step_id:
                return step
        raise NotFoundError("read a step", resource=step_id, came_back="not valid", remedy="check the id")

    def _put_step(self, cluster_id: str, changed: Step) -> None:
        self.steps[cluster_id] = [changed if s.step_id == changed.step_id else s for s in self.steps[cluster_id]]


@dataclass
class FakeClusterSurvey:
    """A live cluster as a test says it is; ``listed`` is what successive ListInstances see (the last one stays)."""

    live: LiveCluster | None = None
    listed: list[list[ClusterInstance]] = field(default_factory=lambda: [[]])
    attached: tuple[Volume, ...] = ()

    def cluster(self, cluster_id: str) -> LiveCluster:
        if self.live is None:
            raise NotFoundError("describe a cluster", resource=cluster_id, came_back="not valid", remedy="check the id")
        return self.live

    def instances(self, cluster_id: str) -> list[ClusterInstance]:
        del cluster_id
        return self.listed.pop(0) if len(self.listed) > 1 else self.listed[0]

    def volumes(self, instance_ids: Iterable[str]) -> tuple[Volume, ...]:
        wanted = set(instance_ids)
        return tuple(volume for volume in self.attached if volume.instance_id in wanted)


@dataclass
class FakeStore:
    """An object store in a dict of address → (bytes, KMS key ARN); ``written`` says when, where it matters."""

    objects: dict[S3Uri, tuple[bytes, str]] = field(default_factory=dict)
    written: dict[S3Uri, datetime] = field(default_factory=dict)

    def put(self, uri: S3Uri, body: bytes, *, kms_key_arn: str) -> str:
        self.objects[uri] = (body, kms_key_arn)
        return _etag(body)

    def get(self, uri: S3Uri) -> bytes:
        return self._known(uri)[0]

    def get_with_etag(self, uri: S3Uri) -> tuple[bytes, str] | None:
        return (self.objects[uri][0], _etag(self.objects[uri][0])) if uri in self.objects else None

    def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
        found = self.get_with_etag(uri)
        if found is not None and found[0] == body:
            return found[1]
        if etag != (found[1] if found else None):
            raise ConflictError("write an object", resource=str(uri), came_back="412", remedy="read it again")
        return self.put(uri, body, kms_key_arn=kms_key_arn)

    def exists(self, uri: S3Uri) -> bool:
        return uri in self.objects

    def listing(self, prefix: S3Uri) -> list[StoredObject]:
        return [
            StoredObject(uri, self.written.get(uri, EPOCH), _etag(self.objects[uri][0]))
            for uri in sorted(self.objects)
            if prefix.covers(uri)
        ]

    def delete(self, uri: S3Uri) -> None:
        self.objects.pop(uri, None)

    def kms_keys(self, uris: Iterable[S3Uri]) -> dict[S3Uri, str]:
        return {uri: self._known(uri)[1] for uri in uris}

    def _known(self, uri: S3Uri) -> tuple[bytes, str]:
        if uri not in self.objects:
            raise NotFoundError("read an object", resource=str(uri), came_back="NoSuchKey", remedy="check the address")
        return self.objects[uri]


@dataclass
class FakeVersions:
    """The versions of a bucket's objects by address, newest first; ``held`` are those that cannot be deleted."""

    objects: dict[S3Uri, list[ObjectVersion]] = field(default_factory=dict)
    held: set[S3Uri] = field(default_factory=set)
    made: int = 0

    def add(self, uri: S3Uri, *, is_delete_marker: bool = False) -> None:
        """A new version, or the mark of a deletion, before the others."""
        self.made += 1
        others = [replace(each, is_latest=False) for each in self.objects.get(uri, ())]
        self.objects[uri] = [ObjectVersion(uri, f"v{self.made}", True, is_delete_marker), *others]

    def hide(self, uri: S3Uri) -> None:
        """What a plain deletion does."""
        self.add(uri, is_delete_marker=True)

    def folders(self, prefix: S3Uri) -> list[str]:
        folder = f"{prefix.key.rstrip('/')}/"
        below = [uri.key.removeprefix(folder) for uri in self.objects if prefix.covers(uri)]
        return sorted({key.partition("/")[0] for key in below if "/" in key})

    def versions(self, prefix: S3Uri) -> list[ObjectVersion]:
        return [each for uri in sorted(self.objects) if prefix.covers(uri) for each in self.objects[uri]]

    def delete_versions(self, versions: Iterable[ObjectVersion]) -> None:
        for version in versions:
            if version.uri in self.held:
                raise RefusedError("delete", resource=str(version.uri), came_back="held", remedy="wait")
            left = [each for each in self.objects.get(version.uri, ()) if each != version]
            self.objects.pop(version.uri, None)
            if left:
                self.objects[version.uri] = [replace(left[0], is_latest=True), *left[1:]]


def _etag(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()


def _datasource(task: Mapping[str, Any]) -> str:
    """What a task writes: an ``index_hadoop`` task's payload says it in its data schema."""
    return str(task.get("dataSource") or task.get("spec", {}).get("dataSchema", {}).get("dataSource", "vitals"))


@dataclass
class FakeRedshift:
    """A Redshift whose batches take ``polls`` looks; ``run`` carries one out when it ends: its parts' rows, in order.

    The batch has failed where ``run`` raises BatchError. ``log`` are the names of all that were submitted.
    """

    run: Callable[[str, Sequence[str]], list[list[dict[str, Any]]]] = lambda _name, statements: [[] for _ in statements]
    polls: int = 1
    log: list[str] = field(default_factory=list)
    sent: dict[str, Sequence[str]] = field(default_factory=dict)
    batches: dict[str, Statement] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def submit(self, name: str, statements: Sequence[str], *, token: str) -> str:
        if token not in self.tokens:
            statement_id = f"{len(self.batches):08d}-0000-4000-8000-000000000000"
            self.tokens[token], self.left[statement_id], self.sent[statement_id] = statement_id, self.polls, statements
            created = EPOCH + timedelta(minutes=len(self.batches))
            self.batches[statement_id] = Statement(statement_id, StatementState.SUBMITTED, name, created_at=created)
            self.log.append(name)
        return self.tokens[token]

    def named(self, prefix: str) -> list[Statement]:
        return [each for each in reversed(self.batches.values()) if each.name.startswith(prefix)]

    def describe(self, statement_id: str) -> Statement:
        if statement_id not in self.batches:
            raise NotFoundError("describe", resource=statement_id, came_back="no such query", remedy="check the id")
        if not self.batches[statement_id].state.is_ended:
            self._move_on(statement_id)
        return replace(self.batches[statement_id], name="")

    def rows(self, statement_id: str) -> list[dict[str, Any]]:
        return self.results[statement_id]

    def cancel(self, statement_id: str) -> None:
        if statement_id in self.batches and not self.batches[statement_id].state.is_ended:
            self.batches[statement_id] = replace(self.batches[statement_id], state=StatementState.ABORTED)

    def _move_on(self, statement_id: str) -> None:
        batch = self.batches[statement_id]
        self.left[statement_id] -= 1
        if self.left[statement_id] >= 0:
            self.batches[statement_id] = replace(batch, state=StatementState.STARTED)
            return
        try:
            answers = self.run(batch.name, self.sent[statement_id])
        except BatchError as failed:
            self.batches[statement_id] = replace(
                batch, state=StatementState.FAILED, error=failed.said, parts=self._parts(batch, failed)
            )
            return
        self.results |= {f"{statement_id}:{i}": rows for i, rows in enumerate(answers, 1)}
        self.batches[statement_id] = replace(batch, state=StatementState.FINISHED, parts=self._parts(batch))

    def _parts(self, batch: Statement, failed: BatchError | None = None) -> tuple[SubStatement, ...]:
        stop = failed.index if failed else len(self.sent[batch.statement_id])
        states = [StatementState.FINISHED] * stop + ([StatementState.FAILED] if failed else [])
        said = failed.said if failed else ""
        return tuple(
            SubStatement(f"{batch.statement_id}:{i + 1}", state, said if i == stop else "", query_id=100 + i)
            for i, state in enumerate(states)
        )


class BatchError(Exception):
    """The statement at ``index`` of a batch of ``FakeRedshift`` failed, of which Redshift ``said`` why."""

    def __init__(self, index: int, said: str) -> None:
        super().__init__(said)
        self.index, self.said = index, said


@dataclass
class FakeSecrets:
    """Secrets in a dict of name → (text, KMS key ARN); ``asked`` are those that were read."""

    held: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, **secrets: Mapping[str, str]) -> FakeSecrets:
        """Secrets that are JSON objects of texts."""
        return cls({name: (json.dumps(held), "") for name, held in secrets.items()})

    def text(self, secret_id: str) -> str | None:
        self.asked.append(secret_id)
        return self.held[secret_id][0] if secret_id in self.held else None

    def read(self, secret_id: str) -> Mapping[str, str]:
        found = self.text(secret_id)
        if found is None:
            raise NotFoundError("read a secret", resource=secret_id, came_back="no such secret", remedy="make it")
        read: dict[str, str] = json.loads(found)
        return read

    def make(self, name: str, text: str, *, kms_key_arn: str, description: str) -> str:
        assert description
        return self.held.setdefault(name, (text, kms_key_arn))[0]


@dataclass
class FakeSigner:
    """A signing key in memory; equal ``secret``s are equal keys."""

    secret: int = 1
    key: str = "arn:aws:kms:us-east-1:111122223333:key/88888888-8888-4888-8888-888888888888"

    def public_key(self) -> PublicKey:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return PublicKey(self._private.public_key().public_bytes(serialization.Encoding.DER, form))

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message, ec.ECDSA(hashes.SHA256()))

    @property
    def _private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.secret, ec.SECP256R1())


@dataclass
class FakeLockedStore(FakeStore):
    """An object store with Object Lock; `weakens` makes it keep no lock, whatever was asked for."""

    locks: dict[S3Uri, ObjectLock] = field(default_factory=dict)
    weakens: bool = False

    def put_locked(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, lock: ObjectLock) -> None:
        is_new = uri not in self.objects
        self.put_if(uri, body, kms_key_arn=kms_key_arn, etag=None)
        if is_new and not self.weakens:
            self.locks[uri] = lock

    def lock_of(self, uri: S3Uri) -> ObjectLock | None:
        self._known(uri)
        return self.locks.get(uri)


@dataclass
class FakeTrail:
    """A trail's files by their address; ``keys`` signed its digests."""

    scopes: list[TrailScope] = field(default_factory=list)
    objects: dict[S3Uri, StoredDigest] = field(default_factory=dict)
    keys: dict[str, TrailKey] = field(default_factory=dict)
    selected: Selectors = field(default_factory=Selectors)

    def selectors(self, scope: TrailScope) -> Selectors:
        if scope.name not in {each.name for each in self.scopes}:
            raise NotFoundError("find a trail", resource=scope.name, came_back="there is none", remedy="check its name")
        return self.selected

    def trail(self, name_or_arn: str) -> TrailScope:
        for each in self.scopes:
            if each.name == name_or_arn.rpartition("/")[2]:
                return each
        raise NotFoundError("find a trail", resource=name_or_arn, came_back="there is none", remedy="check its name")

    def trails(self) -> list[TrailScope]:
        return self.scopes

    def regions(self, scope: TrailScope) -> list[str]:
        folder = scope.regions_folder
        below = (uri.key.removeprefix(folder.key) for uri in self.objects if folder.covers(uri))
        return sorted({rest.partition("/")[0] for rest in below})

    def digest_keys(self, scope: TrailScope, window: Window) -> list[str]:
        owned = sorted(uri.key for uri in self.objects if uri.bucket == scope.bucket and scope.owns(uri.key))
        ended = {key: digest_end(key) for key in owned}
        last = window.end + timedelta(hours=1)
        return [key for key, end in ended.items() if end is not None and window.start <= end <= last]

    def digest(self, uri: S3Uri) -> StoredDigest | None:
        return self.objects.get(uri)

    def log(self, uri: S3Uri) -> bytes | None:
        found = self.objects.get(uri)
        return None if found is None else found.body

    def public_keys(self, window: Window) -> dict[str, TrailKey]:
        within = (
            each for each in self.keys.values() if each.valid_from <= window.end and window.start <= each.valid_until
        )
        return {each.fingerprint: each for each in within}


@dataclass
class FakeLogFiles:
    """Log files by their address: when each was last written, and its bytes; ``refused`` are prefixes that are denied.

    A file in ``lost`` breaks the connection after its lines.
    """

    files: dict[S3Uri, tuple[datetime, bytes]] = field(default_factory=dict)
    refused: list[S3Uri] = field(default_factory=list)
    lost: set[S3Uri] = field(default_factory=set)

    def listing(self, prefix: S3Uri) -> list[StoredObject]:
        if any(each.covers(prefix) for each in self.refused):
            raise NotAuthorizedError("list objects", resource=str(prefix), came_back="AccessDenied", remedy="allow it")
        return [StoredObject(uri, self.files[uri][0]) for uri in sorted(self.files) if prefix.covers(uri)]

    def lines(self, uri: S3Uri) -> Iterator[str]:
        from druid_reindex.clients.log_files import read_lines  # the core's tests have no botocore

        if uri not in self.files:
            raise NotFoundError("read a log file", resource=str(uri), came_back="NoSuchKey", remedy="check the address")
        yield from read_lines(BytesIO(self.files[uri][1]), uri)
        if uri in self.lost:
            raise NoAnswerError("read a log file", resource=str(uri), came_back="reset", remedy="try again")
