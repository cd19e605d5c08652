"""The supervisors of a datasource that nights have suspended, as a value: kept from before the call on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from druid_reindex.model import record
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import parse_instant


@dataclass(frozen=True, slots=True)
class Suspended:
    """One supervisor that a night suspends, or has suspended; times are UTC.

    ``before`` is the newest version in the supervisor's history when that was decided, empty when it had none.
    ``resuming_since`` says that somebody is about to resume it.
    """

    supervisor_id: str
    before: str
    since: datetime
    resuming_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """What is suspended of one datasource, and the run that resumes it, under the lease of that ``fence``.

    ``conn_id`` is the Airflow connection by which that run asks Druid.
    """

    datasource: str
    deployment_id: UUID
    run: RunId
    fence: int
    conn_id: str
    supervisors: tuple[Suspended, ...] = ()


def to_json(suspension: Suspension) -> bytes:
    """``suspension`` as canonical JSON; equal ones give equal bytes."""
    return record.to_json({
        "datasource": suspension.datasource,
        "deployment_id": str(suspension.deployment_id),
        "dag_id": suspension.run.dag_id,
        "run_id": suspension.run.dag_run_id,
        "fence": suspension.fence,
        "conn_id": suspension.conn_id,
        "supervisors": [_told(each) for each in suspension.supervisors],
    })  # fmt: skip


def from_json(body: bytes) -> Suspension:
    """The suspension in ``body``. Raises ProtocolError when this release cannot read it."""
    return record.from_json(body, "suspension", _suspension)


def _told(each: Suspended) -> dict[str, Any]:
    resuming = each.resuming_since
    return {
        "supervisor_id": each.supervisor_id,
        "before": each.before,
        "since": each.since.isoformat(),
        "resuming_since": resuming.isoformat() if resuming is not None else None,
    }


def _suspension(document: dict[str, Any]) -> Suspension:
    deployment_id = UUID(document["deployment_id"])
    return Suspension(
        datasource=str(document["datasource"]),
        deployment_id=deployment_id,
        run=RunId.of(deployment_id, dag_id=document["dag_id"], run_id=document["run_id"]),
        fence=int(document["fence"]),
        conn_id=str(document["conn_id"]),
        supervisors=tuple(_suspended(told) for told in document["supervisors"]),
    )


def _suspended(told: dict[str, Any]) -> Suspended:
    resuming = told["resuming_since"]
    return Suspended(
        supervisor_id=str(told["supervisor_id"]),
        before=str(told["before"]),
        since=parse_instant(told["since"]),
        resuming_since=parse_instant(resuming) if resuming is not None else None,
    )
