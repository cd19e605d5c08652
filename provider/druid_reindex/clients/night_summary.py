"""A night's summary: the table that a person reads, and the JSON of the same that a program reads."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from druid_reindex.clients.airflow import AirflowApi, TaskInstance
from druid_reindex.clients.evidence_summary import EvidenceSummary
from druid_reindex.evidence.night_state import EXPORT_TASKS, LOAD_TASKS, ROLLBACK_TASK, UNLOAD_TASKS

NIGHT_KEY = "night"
CALLS_KEY = "outside_calls"


@dataclass(frozen=True)
class TaskSummary:
    """One task instance's end."""

    seconds: float
    state: str


@dataclass(frozen=True)
class ClusterSummary:
    """The night's cluster; None when none was launched."""

    id: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class NodeSummary:
    """What the attestation said of one instance."""

    verdict: str


@dataclass(frozen=True)
class QualitySummary:
    """What was judged of what the night published: how many expectations and findings there were, and how long it took.

    `verdict` is "passed" or "failed", None where nothing was judged.
    """

    verdict: str | None = None
    expectations: int = 0
    findings: int = 0
    seconds: float = 0.0

    @property
    def told(self) -> str:
        """It in a few words."""
        if self.verdict is None:
            return "nothing judged"
        return f"{self.verdict}: {self.expectations} expectations, {self.findings} findings"


@dataclass(frozen=True)
class ShadowSummary:
    """How many chunks of a shadow answer as those of the datasource that it lies beside, and how many do not."""

    compared_with: str
    equal: int
    unequal: int
    differences: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class SnapshotSummary:
    """What the snapshot's night did: rows that it built, and rows that Redshift unloaded before and loaded after."""

    rows: int
    unloaded_rows: int
    loaded_rows: int
    night: Summary


@dataclass(frozen=True)
class Summary:
    """What one night did; `status` is "rebuilt", "nothing to do" or "failed".

    `snapshot` is what was built from it afterwards, None where nothing was. `reasons` counts the chunks of the plan
    for each reason, `suspended` are the supervisors that were meanwhile, `outside_calls` what each task's last try
    asked of the outside, by service; the lease apart.
    """

    status: str
    run_id: str
    explanation: str = ""
    chunks_rebuilt: int = 0
    segments_before: int = 0
    segments_after: int = 0
    rows_before: int = 0
    rows_after: int = 0
    bytes_after: int = 0
    kms_keys: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    cluster: ClusterSummary = ClusterSummary()
    tasks: dict[str, TaskSummary] = field(default_factory=dict)
    realm: str | None = None
    security_configuration: str | None = None
    attestation: dict[str, NodeSummary] = field(default_factory=dict)
    unloaded_rows: int = 0
    exported_rows: int = 0
    loaded_rows: int = 0
    quality: QualitySummary = QualitySummary()
    rolled_back: list[str] = field(default_factory=list)
    snapshot: SnapshotSummary | None = None
    shadow: ShadowSummary | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    stale_chunks: int = 0
    suspended: list[str] = field(default_factory=list)
    outside_calls: dict[str, dict[str, int]] = field(default_factory=dict)
    evidence: EvidenceSummary = field(default_factory=EvidenceSummary)

    @property
    def is_green(self) -> bool:
        """Whether neither this night failed nor the one of its snapshot."""
        return self.status != "failed" and (self.snapshot is None or self.snapshot.night.is_green)

    @property
    def is_explained(self) -> bool:
        """Whether nothing that CloudTrail tells of this night and its snapshot's waits for a person's look."""
        theirs = self.snapshot is None or self.snapshot.night.is_explained
        return theirs and not self.evidence.unexplained

    def with_snapshot(self, night: Summary) -> Summary:
        """This summary with that of the snapshot's night."""
        snapshot = SnapshotSummary(night.exported_rows, night.unloaded_rows, night.loaded_rows, night)
        return replace(self, snapshot=snapshot)

    def write(self, path: Path) -> None:
        """Write the summary as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def table(self) -> Table:
        """The summary as a table."""
        table = Table(
            "what", Column("value", overflow="fold"), title=f"{self.status}: {self.run_id}", title_justify="left"
        )
        rows = {
            "why": self.explanation,
            "chunks rebuilt": str(self.chunks_rebuilt),
            "segments before → after": f"{self.segments_before} → {self.segments_after}",
            "rows before → after": f"{self.rows_before} → {self.rows_after}",
            "bytes after": str(self.bytes_after),
            "asked of the outside": self._asked(),
            "KMS key on the new objects": "\n".join(self.kms_keys) or "—",
            "versions": "\n".join(self.versions) or "—",
            "quality": self.quality.told,
            "cluster": f"{self.cluster.id} {self.cluster.state}" if self.cluster.id else "none launched",
        }
        for what, value in (rows | self._besides()).items():
            table.add_row(what, value)
        table.add_section()
        for name, task in self.tasks.items():
            table.add_row(f"task {name}", f"{task.state}, {task.seconds:.0f} s")
        return table

    def _besides(self) -> dict[str, str]:
        """The rows of what not every night has."""
        rows = self.evidence.rows()
        if self.rolled_back:
            rows |= {"taken back": "\n".join(self.rolled_back)}
        if self.shadow:
            told = f"{self.shadow.equal} chunks equal, {self.shadow.unequal} not"
            rows |= {f"compared with {self.shadow.compared_with}": told}
        if self.suspended:
            rows |= {"supervisors suspended meanwhile": "\n".join(self.suspended)}
        if self.stale_chunks:
            rows |= {"older chunks of another definition": str(self.stale_chunks)}
        if self.attestation:
            verdicts = (f"{instance} {node.verdict}" for instance, node in self.attestation.items())
            rows |= {"attestation": "\n".join(verdicts), "realm": self.realm or "—"}
            rows |= {"security configuration": self.security_configuration or "—"}
        if self.unloaded_rows or self.loaded_rows:
            moved = f"{self.unloaded_rows} unloaded, {self.exported_rows} exported, {self.loaded_rows} loaded"
            rows |= {"rows of Redshift": moved}
        return rows

    def _asked(self) -> str:
        """How often each service was asked in all, and what the plan asked of it."""
        total: Counter[str] = Counter()
        for by_service in self.outside_calls.values():
            total.update(by_service)
        of_plan = self.outside_calls.get("plan", {})
        told = (f"{service} {count} ({of_plan.get(service, 0)} by plan)" for service, count in sorted(total.items()))
        return ", ".join(told) or "—"


def summarise(airflow: AirflowApi, dag_id: str, run_id: str) -> Summary:
    """The summary of a run that has ended, from its state, its tasks and their XComs."""
    tasks = airflow.task_instances(dag_id, run_id)

    def told(task: str, key: str = "return_value") -> dict[str, Any]:
        return airflow.xcom(dag_id, run_id, task, key=key) or {}

    night, verdict, judged, cluster = told("plan", NIGHT_KEY), told("verdict"), told("validate"), told("cluster_down")
    attested, shadow = told("attest"), told("validate", "shadow")

    def moved(prefix: str) -> int:
        return sum(told(task.task_id).get("rows", 0) for task in tasks if task.task_id.startswith(prefix))

    return Summary(
        status=verdict.get("status", "failed") if airflow.run_state(dag_id, run_id) == "success" else "failed",
        run_id=run_id,
        explanation=night.get("explanation", ""),
        chunks_rebuilt=judged.get("chunks", 0),
        segments_before=night.get("segments_before", 0),
        segments_after=judged.get("segments_after", 0),
        rows_before=judged.get("rows_before", 0),
        rows_after=judged.get("rows_after", 0),
        bytes_after=judged.get("bytes_after", 0),
        kms_keys=judged.get("kms_keys", []),
        versions=judged.get("versions", []),
        cluster=ClusterSummary(cluster.get("cluster_id"), cluster.get("state")),
        tasks=_by_task(tasks),
        realm=attested.get("realm"),
        security_configuration=attested.get("security_configuration"),
        attestation={each: NodeSummary(verdict) for each, verdict in attested.get("instances", {}).items()},
        unloaded_rows=moved(UNLOAD_TASKS),
        exported_rows=moved(EXPORT_TASKS),
        loaded_rows=moved(LOAD_TASKS),
        quality=_quality(told("validate", "quality")),
        rolled_back=told(ROLLBACK_TASK).get("rolled_back", []),
        shadow=ShadowSummary(**shadow) if shadow else None,
        reasons=night.get("reasons", {}),
        stale_chunks=night.get("stale_chunks", 0),
        suspended=night.get("suspended", []),
        outside_calls=_calls(airflow, dag_id, run_id, tasks),
        evidence=_evidence(told("evidence")),
    )


def _evidence(told: dict[str, Any]) -> EvidenceSummary:
    return EvidenceSummary(told.get("pack"), told.get("pending", []), told.get("unread", []))


def _quality(told: dict[str, Any]) -> QualitySummary:
    return QualitySummary(
        told.get("verdict"), told.get("expectations", 0), told.get("findings", 0), told.get("seconds", 0.0)
    )


def _calls(airflow: AirflowApi, dag_id: str, run_id: str, tasks: list[TaskInstance]) -> dict[str, dict[str, int]]:
    """What each task asked, by service; a mapped task's instances add up."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for task in tasks:
        asked = airflow.xcom(dag_id, run_id, task.task_id, key=CALLS_KEY, map_index=task.map_index)
        found[task.task_id].update(asked or {})
    return {task_id: dict(sorted(asked.items())) for task_id, asked in found.items() if asked}


def _by_task(tasks: list[TaskInstance]) -> dict[str, TaskSummary]:
    """Seconds and state by task; a mapped task's instances add up, and the worst state stands."""
    summed: dict[str, TaskSummary] = {}
    for task in tasks:
        known = summed.get(task.task_id)
        state = task.state if known is None or known.state == "success" else known.state
        summed[task.task_id] = TaskSummary(round((known.seconds if known else 0) + task.seconds, 1), state)
    return summed
