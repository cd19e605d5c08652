"""What no live run owns: clusters that cost, leases that block, working files and security configurations that stay,
supervisors that are suspended.

Only what proves that it is this deployment's is looked at: a cluster by its tags, a lease by its owner, working files
by the ``owner.json`` beside them, each of which names DAG and run, from which the run's identity is made again and
compared. A security configuration is nobody's own: its name, made of its content, proves that the provider made it, and
whatever launches makes it again. Whatever cannot prove it is left alone, and so is what is younger than its grace.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from druid_reindex.model.cluster import Cluster, StoredConfiguration
from druid_reindex.model.group import Group
from druid_reindex.model.identity import RunId
from druid_reindex.model.lease import Lease
from druid_reindex.model.suspension import Suspension
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.plan import names
from druid_reindex.plan.group import is_closed

PROTOCOL = 1
_BATCHES = "batches"
_WORKING_DEPTH = 5  # <run>/batches/<number>/<job>/<file>: what one job was given and left; above lie the run's records


class Kind(StrEnum):
    """What kind of thing was left."""

    CLUSTER = "cluster"
    LEASE = "lease"
    FILES = "working files"
    CONFIGURATION = "security configuration"
    SUPERVISORS = "suspended supervisors"


@dataclass(frozen=True, slots=True)
class Ages:
    """How old each kind must be: a cluster since it was created, a lease since it ended, files since they were written.

    A security configuration that no cluster runs under counts since it was created. A lease that has ended blocks
    nobody, and its run can still go on with it (``resume``) until it is broken. Supervisors that a run has left
    suspended ingest nothing, and are resumed at once.
    """

    cluster: timedelta = timedelta(hours=1)
    lease: timedelta = timedelta(hours=1)
    files: timedelta = timedelta(days=30)
    configuration: timedelta = timedelta(days=30)
    supervisors: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class WorkingFiles:
    """What the jobs of one run were given and left in S3, beside its records; ``written_at`` is that of the newest."""

    run_id: RunId
    prefix: S3Uri
    uris: tuple[S3Uri, ...]
    written_at: datetime


@dataclass(frozen=True, slots=True)
class SharedCluster:
    """A cluster, with its group as it was found."""

    cluster: Cluster
    group: Group

    @property
    def users(self) -> frozenset[RunId]:
        """The runs that may use it."""
        members = () if is_closed(self.cluster, self.group) else self.group.members
        return frozenset(member.run for member in members)


@dataclass(frozen=True, slots=True)
class SuspendedSupervisors:
    """What a run has suspended, and the datasource's lease as it was found: its holder takes over what is suspended."""

    suspension: Suspension
    lease: Lease | None

    @property
    def users(self) -> frozenset[RunId]:
        """The run that may take it over."""
        return frozenset([self.lease.run] if self.lease is not None and self.lease.is_open else [])

    def is_left(self, now: datetime) -> bool:
        """Whether anything is suspended, and no run of another deployment, which nobody knows, may be at work."""
        lease, suspension = self.lease, self.suspension
        theirs = lease is not None and lease.is_open and lease.deployment_id != str(suspension.deployment_id)
        return bool(suspension.supervisors) and not (theirs and lease is not None and now < lease.free_at)

    def __str__(self) -> str:
        return ", ".join(each.supervisor_id for each in self.suspension.supervisors)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of this deployment, whoever owns it; a cluster whose group is not among ``groups`` is let be.

    ``unused`` are security configurations that no cluster runs under.
    """

    clusters: tuple[tuple[Cluster, RunId], ...] = ()
    leases: tuple[Lease, ...] = ()
    files: tuple[WorkingFiles, ...] = ()
    groups: tuple[Group, ...] = ()
    unused: tuple[StoredConfiguration, ...] = ()
    suspended: tuple[SuspendedSupervisors, ...] = ()

    @property
    def owners(self) -> frozenset[RunId]:
        """The runs that own any of it."""
        named = [run_id for _, run_id in self.clusters] + [lease.run for lease in self.leases]
        members = [member.run for group in self.groups for member in group.members]
        suspenders = [run for each in self.suspended for run in (each.suspension.run, *each.users)]
        return frozenset([*named, *members, *suspenders, *(each.run_id for each in self.files)])


@dataclass(frozen=True, slots=True)
class Orphan:
    """One thing that no live run owns: its name outside, the run that made it, and since when it is there.

    A security configuration, which any run may have made, has no ``run_id``.
    """

    kind: Kind
    name: str
    run_id: RunId | None
    since: datetime
    thing: Cluster | SharedCluster | Lease | WorkingFiles | StoredConfiguration | SuspendedSupervisors

    @property
    def owners(self) -> frozenset[RunId]:
        """The runs that may need it: the one that made it, and those that share it."""
        made = frozenset([self.run_id]) if self.run_id is not None else frozenset[RunId]()
        return made | (
            self.thing.users if isinstance(self.thing, SharedCluster | SuspendedSupervisors) else frozenset()
        )

    def __str__(self) -> str:
        whose = f"of {self.run_id.dag_id} {self.run_id.dag_run_id}" if self.run_id else "that no cluster uses"
        return f"{self.kind} {self.name} {whose}, since {self.since:%Y-%m-%d %H:%M} UTC"


def orphans(found: Found, live: Collection[RunId], now: datetime, ages: Ages) -> tuple[Orphan, ...]:
    """What no run of ``live`` owns, once it is old enough.

    ``live`` must be read after ``found``: whose run was live when it was found, and is not in ``live``, has ended.
    """
    old_enough = {
        Kind.CLUSTER: ages.cluster,
        Kind.LEASE: ages.lease,
        Kind.FILES: ages.files,
        Kind.CONFIGURATION: ages.configuration,
        Kind.SUPERVISORS: ages.supervisors,
    }
    everything = [*_suspended(found, now), *_clusters(found), *_leases(found), *_files(found), *_unused(found)]
    unowned = (each for each in everything if each.owners.isdisjoint(live))
    return tuple(each for each in unowned if now - each.since >= old_enough[each.kind])


def ours(clusters: Iterable[Cluster], classification: str, deployment_id: UUID) -> Iterator[tuple[Cluster, RunId]]:
    """The clusters of this deployment and classification that are not ending, with the runs that they name."""
    for cluster in clusters:
        run_id = names.run_of_tags(cluster.tags, deployment_id)
        known = run_id is not None and cluster.tags.get(names.CLASSIFICATION_TAG) == classification
        if run_id is not None and known and not cluster.state.is_over:
            yield cluster, run_id


def is_ours(lease: Lease, deployment_id: UUID) -> bool:
    """Whether a run of this deployment has the lease."""
    made = RunId.of(deployment_id, dag_id=lease.dag_id, run_id=lease.run_id)
    return lease.is_open and lease.deployment_id == str(deployment_id) and lease.run == made


def owner_document(run_id: RunId, deployment_id: UUID) -> dict[str, Any]:
    """What says whose a run's prefix is, for ``names.owner_uri``."""
    return {
        "protocol": PROTOCOL,
        "deployment_id": str(deployment_id),
        "dag_id": run_id.dag_id,
        "run_id": run_id.dag_run_id,
    }


def owner_of(prefix: str, body: bytes, deployment_id: UUID) -> RunId | None:
    """The run of this deployment whose files lie below ``prefix``; None where ``body`` does not prove it."""
    try:
        document = json.loads(body)
        made = RunId.of(deployment_id, dag_id=document["dag_id"], run_id=document["run_id"])
    except (ValueError, KeyError, TypeError):
        return None
    return made if document.get("deployment_id") == str(deployment_id) and str(made) == prefix else None


def working_files(runs: S3Uri, listed: Iterable[StoredObject]) -> Mapping[str, list[StoredObject]]:
    """The objects that jobs were given and left, by the name of their run's prefix below ``runs``."""
    found: dict[str, list[StoredObject]] = {}
    above = len(f"{runs.key.rstrip('/')}/") if runs.key.rstrip("/") else 0
    for each in listed:
        parts = each.uri.key[above:].split("/")
        if len(parts) >= _WORKING_DEPTH and parts[1] == _BATCHES:
            found.setdefault(parts[0], []).append(each)
    return found


def _clusters(found: Found) -> Iterator[Orphan]:
    groups = {group.key: group for group in found.groups}
    for cluster, run_id in found.clusters:
        key = cluster.tags.get(names.GROUP_TAG)
        if cluster.created_at is None or (key is not None and key not in groups):
            continue
        thing = cluster if key is None else SharedCluster(cluster, groups[key])
        yield Orphan(Kind.CLUSTER, cluster.cluster_id, run_id, cluster.created_at, thing)


def _leases(found: Found) -> Iterator[Orphan]:
    return (Orphan(Kind.LEASE, each.datasource, each.run, each.until, each) for each in found.leases)


def _files(found: Found) -> Iterator[Orphan]:
    return (Orphan(Kind.FILES, str(each.prefix), each.run_id, each.written_at, each) for each in found.files)


def _unused(found: Found) -> Iterator[Orphan]:
    return (Orphan(Kind.CONFIGURATION, each.name, None, each.created_at, each) for each in found.unused)


def _suspended(found: Found, now: datetime) -> Iterator[Orphan]:
    for each in found.suspended:
        if each.is_left(now):
            since = min(supervisor.since for supervisor in each.suspension.supervisors)
            yield Orphan(Kind.SUPERVISORS, str(each), each.suspension.run, since, each)
