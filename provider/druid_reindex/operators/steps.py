"""A step of the cluster: found before it is added, waited for without a slot, replaced when it died."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.cluster import Cluster, Step, StepState
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.operators.waiting import Waiting
from druid_reindex.plan import document, emr, names
from druid_reindex.ports import EmrPort, ObjectStorePort

if TYPE_CHECKING:
    from druid_reindex.operators.settings import NightSettings

SPEC, RESULT = "spec.json", "result.json"


@dataclass(frozen=True)
class Doing:
    """For which run something is done, and how to wait for it.

    ``require`` is called before each outside write and raises when the run has lost its lease; ``started`` hears the id
    of the task or the step. What the jobs of the names ``void`` published was taken back: they are not attached to.
    """

    settings: NightSettings
    run_id: RunId
    waiting: Waiting
    log: Callable[[str], None]
    require: Callable[[], None]
    started: Callable[[str], None]
    void: frozenset[str] = field(default=frozenset(), kw_only=True)

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


@dataclass(frozen=True)
class StepUnit:
    """One unit of work of a run: each generation keeps its spec and result in a folder of its name, below ``place``.

    ``spec`` makes the spec for a name and its folder, ``payload`` the step for a name, the spec's address and the
    seconds that are left.
    """

    name: str
    digest: str
    place: S3Uri
    spec: Callable[[str, S3Uri], object]
    payload: Callable[[str, S3Uri, int], dict[str, Any]]


@dataclass
class StepRun:
    """What one try of a task has the cluster run."""

    doing: Doing
    emr: EmrPort
    store: ObjectStorePort
    _running: tuple[str, str] | None = field(default=None, init=False)

    def run(self, cluster: Cluster, unit: StepUnit) -> tuple[Step, S3Uri]:
        """The step, once it has ended, and the folder of its generation."""
        step_id, folder = self._taken_up(cluster, unit) or self.find_or_add(cluster, unit)
        self._running = cluster.cluster_id, step_id
        self.doing.started(step_id)
        step = self.doing.waiting.until(
            lambda: self.emr.describe_step(cluster.cluster_id, step_id),
            lambda seen: seen.state.is_ended,
            self.doing.settings.step_wait(cluster.cluster_id, step_id),
            tell=lambda seen: seen.state.value,
        )
        self._look_for_journal(step)
        return step, folder

    def cancel(self) -> None:
        """Ask EMR to cancel the step that was waited for; nothing when nothing was."""
        if self._running is not None:
            self.emr.cancel_step(*self._running)

    def find_or_add(self, cluster: Cluster, unit: StepUnit) -> tuple[str, S3Uri]:
        """The step that lives or has completed, else a new one of the next generation; with its folder."""
        known = {step.name: step for step in self.emr.list_steps(cluster.cluster_id)}
        generation = 0
        while True:
            generation += 1
            name = names.step_name(
                self.doing.pipeline, self.doing.run_id, unit.name, digest=unit.digest, generation=generation
            )
            step, folder = known.get(name), unit.place / name
            if name in self.doing.void:
                continue
            if step is None:
                return self._add(cluster, unit, name), folder
            if not step.state.is_ended or step.state is StepState.COMPLETED:
                self.doing.log(f"attaching to step {step.step_id} ({step.state.value})")
                return step.step_id, folder

    def _taken_up(self, cluster: Cluster, unit: StepUnit) -> tuple[str, S3Uri] | None:
        """The step that this try waited for before it gave its slot away, unless that was for something else."""
        resumed = self.doing.waiting.resumed
        if resumed is None:
            return None
        known = {step.step_id: step.name for step in self.emr.list_steps(cluster.cluster_id)}
        name, doing = known.get(resumed, ""), self.doing
        of_unit = f"{names.task_prefix(doing.pipeline.datasource, doing.run_id)}{unit.name}_"
        return (resumed, unit.place / name) if name.startswith(of_unit) else None

    def _add(self, cluster: Cluster, unit: StepUnit, name: str) -> str:
        doing, folder = self.doing, unit.place / name
        doing.require()
        spec = document.canonical(unit.spec(name, folder))
        self.store.put(folder / SPEC, spec, kms_key_arn=doing.boundary.kms_key_arn)
        payload = self._journalled(unit.payload(name, folder / SPEC, math.ceil(doing.waiting.left_seconds)), name)
        doing.log(f"adding step {name} to cluster {cluster.cluster_id}")
        return self.emr.add_step(cluster.cluster_id, payload)

    def _journalled(self, payload: dict[str, Any], name: str) -> dict[str, Any]:
        """The step, which leaves a journal of what it asks AWS among those of the run."""
        doing, boundary = self.doing, self.doing.boundary
        script, artifacts = emr.JOURNALLED_SCRIPT, S3Uri.parse(doing.settings.boundaries.artifacts_uri)
        journal = {
            "run": str(doing.run_id),
            "task": name,
            "account": Arn.parse(boundary.kms_key_arn).account,
            "uri": str(names.step_journal_uri(boundary, doing.run_id, name)),
            "kms_key_arn": boundary.kms_key_arn,
        }
        sha256 = digest((doing.settings.configs / script).read_bytes())
        return emr.journalled(payload, artifacts / script, sha256, journal)

    def _look_for_journal(self, step: Step) -> None:
        """Tell of a step that has left none: it was killed, or its node was lost."""
        uri = names.step_journal_uri(self.doing.boundary, self.doing.run_id, step.name)
        if not self.store.exists(uri):
            self.doing.log(f"{step.step_id} left no journal at {uri}: in CloudTrail its calls are its instance's alone")


def log_of(step: Step, cluster: Cluster) -> S3Uri:
    """Where EMR keeps, or will keep, what the step wrote to its standard error."""
    folder = f"{cluster.log_uri.rstrip('/')}/{cluster.cluster_id}/steps/{step.step_id}"
    return S3Uri.parse(step.log_file or f"{folder}/stderr.gz")
