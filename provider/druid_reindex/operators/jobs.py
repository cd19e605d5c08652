"""One batch as a job: Druid's Overlord runs it, or Druid's CLI indexer does, as a step of the cluster.

Both find before they create: a job that lives is attached to, one that succeeded is not run again, one that died is
replaced under the next generation's name.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from druid_reindex.errors import ConflictError, DruidReindexError, NotFoundError, ProtocolError, ReindexFailedError
from druid_reindex.model.cluster import Cluster, Step, StepState
from druid_reindex.model.druid_task import TaskState, TaskStatus
from druid_reindex.model.identity import digest
from druid_reindex.model.interval import format_instant
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.steps import RESULT, SPEC, Doing, StepRun, StepUnit, log_of
from druid_reindex.plan import document, emr, hadoop, names
from druid_reindex.plan.hadoop_site import site_of
from druid_reindex.plan.night import Batch
from druid_reindex.plan.purge import from_files_alone
from druid_reindex.ports import DruidPort, EmrPort, ObjectStorePort

RESULT_PROTOCOL = 1


@dataclass(frozen=True)
class Work(Doing):
    """One batch that is to be done; with ``files_alone`` no row of its segments is taken, but those of files."""

    batch: Batch
    files_alone: bool = field(default=False, kw_only=True)

    def made(self, task: dict[str, Any]) -> dict[str, Any]:
        """The batch's job, of a spec that reads segments."""
        return from_files_alone(task) if self.files_alone else task


class Job(Protocol):
    """A batch that can be run to its end, or cancelled."""

    def run(self, cluster: Cluster) -> dict[str, str]:
        """The ids of what ran, once it has succeeded. Raises ReindexFailedError with the real reason."""

    def cancel(self) -> None:
        """Stop what was started; nothing when nothing was."""


@dataclass
class OverlordJob:
    """The batch as an ``index_hadoop`` task of Druid's Overlord."""

    work: Work
    druid: DruidPort
    _task_id: str | None = field(default=None, init=False)

    def run(self, cluster: Cluster) -> dict[str, str]:
        """The task's id, once it has succeeded."""
        task_id = self._task_id = self._resumed() or self._find_or_submit(cluster.primary_dns)
        self.work.started(task_id)
        limit = timedelta(hours=self.work.pipeline.policy.max_lock_hours)
        status = self.work.waiting.until(
            lambda: self.druid.task_status(task_id),
            lambda seen: seen.state is not TaskState.RUNNING or _has_waited(seen, limit),
            replace(self.work.settings.task_wait(task_id), most_seconds=limit.total_seconds()),
            tell=self._told,
        )
        if status.state is TaskState.RUNNING:
            raise ConflictError(
                "get Druid's locks for a reindex",
                resource=f"task {task_id}",
                came_back=f"it has waited since {status.created_at:%Y-%m-%dT%H:%M:%SZ}; {self._others(task_id)}",
                remedy="wait until these have ended, or stop them, then clear this task; for tasks of a supervisor "
                "write `supervisors: suspend` in the pipeline file; `policy.max_lock_hours` is how long is waited",
            )
        if status.state is TaskState.ABSENT:
            raise NotFoundError(
                "reindex through the Overlord",
                resource=f"task {task_id}",
                came_back="the Overlord does not know the task any more",
                remedy="find out whether Druid's metadata store was restored; then clear this task",
            )
        if status.state is TaskState.FAILED:
            log_uri = S3Uri.parse(self.work.boundary.task_logs_uri) / f"{task_id}/log"
            raise ReindexFailedError(
                "reindex through the Overlord",
                resource=f"task {task_id}",
                came_back=self.druid.task_failure(task_id),
                remedy=f"read the whole log at {log_uri}; then clear this task",
            )
        return {"task_id": task_id}

    def _resumed(self) -> str | None:
        """The task that this try waited for; None where that was a step of the batch."""
        resumed = self.work.waiting.resumed or ""
        ours = names.task_prefix(self.work.pipeline.datasource, self.work.run_id)
        return resumed if resumed.startswith(ours) else None

    def _told(self, status: TaskStatus) -> str:
        said = f"{status.state.value} {status.error_message}".strip()
        return f"{said}, waits for locks; {self._others(status.task_id)}" if status.is_queued else said

    def _others(self, task_id: str) -> str:
        """Who may hold the locks: Druid tells a lock's owner to those alone who may change any of its datasources."""
        datasource = self.work.pipeline.datasource
        active = [
            each for each in self.druid.active_tasks(datasource) if not each.is_queued and each.task_id != task_id
        ]
        named = ", ".join(each.task_id for each in active)
        return f"at work on {datasource}: {named or 'no task by now'}"

    def cancel(self) -> None:
        """Ask the Overlord to stop the task."""
        if self._task_id is not None:
            self.druid.shutdown_task(self._task_id)

    def _find_or_submit(self, primary_dns: str) -> str:
        work, generation = self.work, 0
        while True:
            generation += 1
            payload = self._payload(primary_dns, generation)
            if payload["id"] in work.void:
                continue
            status = self.druid.task_status(payload["id"])
            if status.state is TaskState.ABSENT:
                work.log(f"submitting task {payload['id']}")
                work.require()
                return self.druid.submit_task(payload)
            if status.state is not TaskState.FAILED:
                work.log(f"attaching to task {payload['id']} ({status.state.value})")
                return str(payload["id"])

    def _payload(self, primary_dns: str, generation: int) -> dict[str, Any]:
        work = self.work
        site = site_of(primary_dns, work.settings.security, work.boundary)
        task = work.made(
            hadoop.overlord_task(work.pipeline, work.boundary, work.profile, work.batch, task_id="", site=site)
        )
        sha256 = digest(document.canonical(task))
        task_id = names.task_id(
            work.pipeline, work.run_id, batch=work.batch.number, digest=sha256, generation=generation
        )
        return task | {"id": task_id}


@dataclass
class StepJob:
    """The batch as Druid's CLI indexer on the cluster's primary node."""

    work: Work
    emr: EmrPort
    store: ObjectStorePort
    steps: StepRun = field(init=False)

    def __post_init__(self) -> None:
        self.steps = StepRun(self.work, self.emr, self.store)

    def run(self, cluster: Cluster) -> dict[str, str]:
        """The step's id, once it has succeeded and left its result."""
        step, folder = self.steps.run(cluster, self.unit)
        if step.state is not StepState.COMPLETED:
            raise self._failure(step, cluster)
        self._check_result(folder / RESULT)
        return {"step_id": step.step_id, "spec_uri": str(folder / SPEC)}

    def versions(self) -> set[str]:
        """The versions under which the batch's steps publish, those of earlier tries too: each step's spec has its own.

        They are unknown to Druid's lock table, so that a step that was given up may still publish under its version.
        """
        work = self.work
        place = names.batch_prefix(work.boundary, work.run_id, work.batch.number)
        specs = (each.uri for each in self.store.listing(place) if each.uri.key.endswith(f"/{SPEC}"))
        return {str(json.loads(self.store.get(uri))["spec"]["tuningConfig"]["version"]) for uri in specs}

    def cancel(self) -> None:
        """Ask EMR to cancel the step."""
        self.steps.cancel()

    @property
    def unit(self) -> StepUnit:
        """The batch as a step."""
        work = self.work

        def payload(name: str, spec_uri: S3Uri, seconds: int) -> dict[str, Any]:
            return emr.reindex_step(name, spec_uri, work.boundary, limit_seconds=seconds)

        return StepUnit(
            name=f"b{work.batch.number}",
            digest=digest(document.canonical(self._spec(version="", unique_id=""))),
            place=names.batch_prefix(work.boundary, work.run_id, work.batch.number),
            spec=lambda name, _: self._spec(version=format_instant(datetime.now(UTC)), unique_id=name),
            payload=payload,
        )

    def _spec(self, *, version: str, unique_id: str) -> dict[str, Any]:
        work = self.work
        return work.made(hadoop.cli_spec(
            work.pipeline, work.boundary, work.profile, work.batch, version=version, unique_id=unique_id
        ))  # fmt: skip

    def _failure(self, step: Step, cluster: Cluster) -> ReindexFailedError:
        log_uri = log_of(step, cluster)
        said = "; ".join(part for part in (step.state.value, step.reason, self._reason(step, log_uri)) if part)
        return ReindexFailedError(
            "reindex as an EMR step",
            resource=f"step {step.step_id} of cluster {cluster.cluster_id}",
            came_back=said,
            remedy=f"read the whole log at {log_uri} (EMR may take minutes to put it there); then clear this task",
        )

    def _reason(self, step: Step, log_uri: S3Uri) -> str:
        """The indexer's exception. Neither the log nor EMR's excerpt of it is told as it is: both may quote rows."""
        from druid_reindex.clients.task_failure import root_cause  # noqa: PLC0415

        try:
            log = gzip.decompress(self.store.get(log_uri)).decode("utf-8", "replace")
        except (DruidReindexError, OSError, EOFError, zlib.error) as unread:
            return root_cause("", step.message) or f"its log could not be read yet ({type(unread).__name__})"
        return root_cause("", log) or "its log names no exception"

    def _check_result(self, uri: S3Uri) -> None:
        result = json.loads(self.store.get(uri))
        if result.get("protocol") != RESULT_PROTOCOL or result.get("exit_code") != 0:
            raise ProtocolError(
                "read the step's result",
                resource=str(uri),
                came_back=f"protocol {result.get('protocol')!r}, exit code {result.get('exit_code')!r}",
                remedy="upload the bootstrap scripts of this release to the artifacts bucket",
            )


def _has_waited(status: TaskStatus, limit: timedelta) -> bool:
    """Whether the task has been without its locks for so long; one of which Druid does not tell since when has not."""
    return status.is_queued and status.created_at is not None and datetime.now(UTC) - status.created_at >= limit
