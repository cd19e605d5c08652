"""One batch as a job: Druid's Overlord runs it, or Druid's CLI indexer does, as a step of the cluster.

Both find before they create: a job that lives is attached to, one that succeeded is not run again, one that died is
replaced under the next generation's name.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from druid_reindex.errors import DruidReindexError, NotFoundError, ProtocolError, ReindexFailedError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.cluster import Cluster, Step, StepState
from druid_reindex.model.druid_task import TaskState, TaskStatus
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.interval import format_instant
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.waiting import Waiting
from druid_reindex.plan import document, emr, hadoop, names
from druid_reindex.plan.hadoop_site import site_of
from druid_reindex.plan.night import Batch
from druid_reindex.ports import DruidPort, EmrPort, ObjectStorePort

if TYPE_CHECKING:
    from druid_reindex.operators.night import NightSettings

RESULT_PROTOCOL = 1


@dataclass(frozen=True)
class Work:
    """What is to be done, for which run, and how to wait for it.

    ``require`` is called before each outside write and raises when the run has lost its lease; ``started`` hears the id
    of the task or the step.
    """

    settings: NightSettings
    run_id: RunId
    batch: Batch
    waiting: Waiting
    log: Callable[[str], None]
    require: Callable[[], None]
    started: Callable[[str], None]

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline."""
        return self.settings.pipeline

    @property
    def boundary(self) -> Boundary:
        """The pipeline's boundary."""
        return self.settings.boundary

    @property
    def profile(self) -> ClusterProfile:
        """The cluster's profile."""
        return self.settings.profile


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
        task_id = self._task_id = self.work.waiting.resumed or self._find_or_submit(cluster.primary_dns)
        self.work.started(task_id)
        status = self.work.waiting.until(
            lambda: self.druid.task_status(task_id),
            lambda seen: seen.state is not TaskState.RUNNING,
            self.work.settings.task_wait(task_id),
            tell=_told,
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

    def cancel(self) -> None:
        """Ask the Overlord to stop the task."""
        if self._task_id is not None:
            self.druid.shutdown_task(self._task_id)

    def _find_or_submit(self, primary_dns: str) -> str:
        work, generation = self.work, 0
        while True:
            generation += 1
            payload = self._payload(primary_dns, generation)
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
        task = hadoop.overlord_task(work.pipeline, work.boundary, work.profile, work.batch, task_id="", site=site)
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
    _running: tuple[str, str] | None = field(default=None, init=False)

    def run(self, cluster: Cluster) -> dict[str, str]:
        """The step's id, once it has succeeded and left its result."""
        step_id, prefix = self._taken_up(cluster) or self._find_or_add(cluster)
        self._running = cluster.cluster_id, step_id
        self.work.started(step_id)
        step = self.work.waiting.until(
            lambda: self.emr.describe_step(cluster.cluster_id, step_id),
            lambda seen: seen.state.is_ended,
            self.work.settings.step_wait(cluster.cluster_id, step_id),
            tell=lambda seen: seen.state.value,
        )
        if step.state is not StepState.COMPLETED:
            raise self._failure(step, cluster)
        self._check_result(prefix / "result.json")
        return {"step_id": step_id, "spec_uri": str(prefix / "spec.json")}

    def cancel(self) -> None:
        """Ask EMR to cancel the step."""
        if self._running is not None:
            self.emr.cancel_step(*self._running)

    def _taken_up(self, cluster: Cluster) -> tuple[str, S3Uri] | None:
        """The step that this try waited for before it gave its slot away."""
        step_id = self.work.waiting.resumed
        if step_id is None:
            return None
        step = self.emr.describe_step(cluster.cluster_id, step_id)
        return step_id, names.batch_prefix(self.work.boundary, self.work.run_id, self.work.batch.number) / step.name

    def _find_or_add(self, cluster: Cluster) -> tuple[str, S3Uri]:
        work, known = self.work, {step.name: step for step in self.emr.list_steps(cluster.cluster_id)}
        sha256 = digest(document.canonical(self._spec(version="", unique_id="")))
        generation = 0
        while True:
            generation += 1
            name = names.step_name(
                work.pipeline, work.run_id, batch=work.batch.number, digest=sha256, generation=generation
            )
            prefix = names.batch_prefix(work.boundary, work.run_id, work.batch.number) / name
            step = known.get(name)
            if step is None:
                return self._add(cluster, name, prefix), prefix
            if not step.state.is_ended or step.state is StepState.COMPLETED:
                work.log(f"attaching to step {step.step_id} ({step.state.value})")
                return step.step_id, prefix

    def _add(self, cluster: Cluster, name: str, prefix: S3Uri) -> str:
        work = self.work
        work.require()
        spec = self._spec(version=format_instant(datetime.now(UTC)), unique_id=name)
        self.store.put(prefix / "spec.json", document.canonical(spec), kms_key_arn=work.boundary.kms_key_arn)
        limit_seconds = math.ceil(work.waiting.left_seconds)
        payload = emr.reindex_step(name, prefix / "spec.json", work.boundary, limit_seconds=limit_seconds)
        work.log(f"adding step {name} to cluster {cluster.cluster_id}")
        return self.emr.add_step(cluster.cluster_id, payload)

    def _spec(self, *, version: str, unique_id: str) -> dict[str, Any]:
        work = self.work
        return hadoop.cli_spec(
            work.pipeline, work.boundary, work.profile, work.batch, version=version, unique_id=unique_id
        )

    def _failure(self, step: Step, cluster: Cluster) -> ReindexFailedError:
        folder = f"{cluster.log_uri.rstrip('/')}/{cluster.cluster_id}/steps/{step.step_id}"
        log_uri = S3Uri.parse(step.log_file or f"{folder}/stderr.gz")
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


def _told(status: TaskStatus) -> str:
    return f"{status.state.value} {status.error_message}".strip()
