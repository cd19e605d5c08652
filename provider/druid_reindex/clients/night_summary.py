"""A night's summary: the table that a person reads, and the JSON of the same that a program reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from druid_reindex.clients.airflow import AirflowApi, TaskInstance

NIGHT_KEY = "night"


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
class Summary:
    """What one night did; `status` is "rebuilt", "nothing to do" or "failed"."""

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
            "KMS key on the new objects": "\n".join(self.kms_keys) or "—",
            "versions": "\n".join(self.versions) or "—",
            "cluster": f"{self.cluster.id} {self.cluster.state}" if self.cluster.id else "none launched",
        }
        if self.attestation:
            verdicts = (f"{instance} {node.verdict}" for instance, node in self.attestation.items())
            rows |= {"attestation": "\n".join(verdicts), "realm": self.realm or "—"}
            rows |= {"security configuration": self.security_configuration or "—"}
        for what, value in rows.items():
            table.add_row(what, value)
        table.add_section()
        for name, task in self.tasks.items():
            table.add_row(f"task {name}", f"{task.state}, {task.seconds:.0f} s")
        return table


def summarise(airflow: AirflowApi, dag_id: str, run_id: str) -> Summary:
    """The summary of a run that has ended, from its state, its tasks and their XComs."""
    tasks = airflow.task_instances(dag_id, run_id)

    def told(task: str, key: str = "return_value") -> dict[str, Any]:
        return airflow.xcom(dag_id, run_id, task, key=key) or {}

    night, verdict, judged, cluster = told("plan", NIGHT_KEY), told("verdict"), told("validate"), told("cluster_down")
    attested = told("attest")
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
    )


def _by_task(tasks: list[TaskInstance]) -> dict[str, TaskSummary]:
    """Seconds and state by task; a mapped task's instances add up, and the worst state stands."""
    summed: dict[str, TaskSummary] = {}
    for task in tasks:
        known = summed.get(task.task_id)
        state = task.state if known is None or known.state == "success" else known.state
        summed[task.task_id] = TaskSummary(round((known.seconds if known else 0) + task.seconds, 1), state)
    return summed
