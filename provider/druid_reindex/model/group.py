"""A group of clusters as a value: the runs that share its cluster, and who launches one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from druid_reindex.model import record
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import parse_instant


@dataclass(frozen=True, slots=True)
class Member:
    """A run that uses the group's cluster, and since when (UTC): the latest time that it joined, or began to launch."""

    run: RunId
    since: datetime

    def __str__(self) -> str:
        return f"{self.run.dag_id} {self.run.dag_run_id}"


@dataclass(frozen=True, slots=True)
class Group:
    """Who shares one cluster; ``key`` names the group and all that its pipelines must have in common.

    ``generation`` counts the clusters: it grows when one is given up, by the last run that leaves or because it is
    dead, and never falls, so that nobody takes up a cluster that somebody is ending. ``launcher`` is the run that
    launched this generation's cluster, or is doing so while ``cluster_id`` is None.
    """

    key: str
    deployment_id: UUID
    generation: int = 1
    members: tuple[Member, ...] = ()
    cluster_id: str | None = None
    launcher: Member | None = None

    def has(self, run_id: RunId) -> bool:
        """Whether the run uses the group's cluster."""
        return any(member.run == run_id for member in self.members)


def to_json(group: Group) -> bytes:
    """``group`` as canonical JSON; equal groups give equal bytes."""
    return record.to_json({
        "key": group.key,
        "deployment_id": str(group.deployment_id),
        "generation": group.generation,
        "members": [_told(member) for member in group.members],
        "cluster_id": group.cluster_id,
        "launcher": _told(group.launcher) if group.launcher else None,
    })  # fmt: skip


def from_json(body: bytes) -> Group:
    """The group in ``body``. Raises ProtocolError when this release cannot read it."""
    return record.from_json(body, "group", _group)


def shown(members: Iterable[Member]) -> str:
    """The members' runs, for people."""
    return ", ".join(str(member) for member in members)


def _told(member: Member) -> dict[str, str]:
    return {"dag_id": member.run.dag_id, "run_id": member.run.dag_run_id, "since": member.since.isoformat()}


def _group(document: dict[str, Any]) -> Group:
    deployment_id = UUID(document["deployment_id"])
    cluster_id, launcher = document["cluster_id"], document["launcher"]
    return Group(
        key=str(document["key"]),
        deployment_id=deployment_id,
        generation=int(document["generation"]),
        members=tuple(_member(told, deployment_id) for told in document["members"]),
        cluster_id=str(cluster_id) if cluster_id is not None else None,
        launcher=_member(launcher, deployment_id) if launcher is not None else None,
    )


def _member(told: dict[str, str], deployment_id: UUID) -> Member:
    run_id = RunId.of(deployment_id, dag_id=told["dag_id"], run_id=told["run_id"])
    return Member(run_id, parse_instant(told["since"]))
