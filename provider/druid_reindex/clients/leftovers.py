"""Finds what a deployment has on EMR and in S3, and takes away what no live run owns; ``plan.orphans`` decides.

What is taken away of supervisors that are suspended is their suspension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from druid_reindex.clients.groups import GroupShelf, group_shelves
from druid_reindex.clients.leases import LeaseShelf
from druid_reindex.clients.run_end import Services, end_cluster, end_run
from druid_reindex.clients.suspensions import Suspender, SuspensionShelf, suspension_shelves
from druid_reindex.errors import ConflictError, DruidReindexError
from druid_reindex.model import lease as stored
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster import Cluster, StoredConfiguration
from druid_reindex.model.group import Group
from druid_reindex.model.lease import Lease
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.suspension import Suspension
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.group import is_closed
from druid_reindex.plan.orphans import (
    Found,
    Orphan,
    SharedCluster,
    SuspendedSupervisors,
    WorkingFiles,
    is_ours,
    ours,
    owner_of,
    working_files,
)
from druid_reindex.plan.security import PREFIX
from druid_reindex.plan.security import is_ours as is_made
from druid_reindex.ports import DruidPort, EmrPort, ObjectStorePort

T = TypeVar("T")
_ANY_JOB = "drx_"


@dataclass(frozen=True)
class Leftovers:
    """One side of the boundary, and how its account is asked; what cannot be read is told to ``unread``.

    ``druid`` is asked for by the name of an Airflow connection.
    """

    boundaries: Boundaries
    classification: Classification
    emr: Callable[[], EmrPort]
    store: Callable[[], ObjectStorePort]
    unread: Callable[[str], None]
    druid: Callable[[str], DruidPort]

    @property
    def boundary(self) -> Boundary:
        """That side's values."""
        return self.boundaries.of(self.classification)

    @property
    def deployment_id(self) -> UUID:
        """Whose things are looked at."""
        return self.boundaries.deployment_id

    def find(self) -> Found:
        """All that is there of this deployment on this side; what cannot be read is missing from it."""
        return Found(
            clusters=tuple(ours(self._read(self._clusters), self.classification.value, self.deployment_id)),
            leases=tuple(lease for lease in self._leases() if is_ours(lease, self.deployment_id)),
            files=tuple(self._read(self._files)),
            groups=tuple(self._groups()),
            unused=tuple(self._read(self._unused)),
            suspended=tuple(self._suspended()),
        )

    def take_away(self, orphan: Orphan, *, by: str, now: datetime, log: Callable[[str], None]) -> None:
        """Terminate the cluster, break the lease, delete the files or the security configuration, resume supervisors.

        A lease is broken and not deleted: its fence stays, and the next owner ends what the run had submitted.
        Raises what EMR, S3 or Druid raises, and ConflictError when a run has begun to share the cluster since it was
        found, or when anything of the run that has suspended supervisors lives still.
        """
        match orphan.thing:
            case Cluster():
                end_cluster(self.emr(), orphan.thing, _ANY_JOB, log)
            case SharedCluster():
                self._end_shared(orphan.thing, log)
            case Lease():
                log(f"breaking the lease of {orphan.thing.datasource}")
                shelf = LeaseShelf(self.store(), self.boundary, orphan.thing.datasource)
                shelf.break_it(orphan.thing, by=by, reason="its run is not live any more", now=now)
            case WorkingFiles():
                log(f"deleting {len(orphan.thing.uris)} working files below {orphan.thing.prefix}")
                for uri in orphan.thing.uris:
                    self.store().delete(uri)
            case StoredConfiguration():
                log(f"deleting security configuration {orphan.thing.name}")
                self.emr().delete_security_configuration(orphan.thing.name)
            case SuspendedSupervisors():
                self._resume(orphan.thing.suspension, log)

    def _end_shared(self, shared: SharedCluster, log: Callable[[str], None]) -> None:
        if not is_closed(shared.cluster, shared.group):
            GroupShelf(self.store(), self.boundary, shared.group.key).close(shared.group)
        end_cluster(self.emr(), shared.cluster, _ANY_JOB, log)

    def _resume(self, suspension: Suspension, log: Callable[[str], None]) -> None:
        """Resume what the run has suspended, once nothing of it lives that could replace what streams append to."""
        druid, store = self.druid(suspension.conn_id), self.store()
        services = Services(druid, self.emr(), store, self.boundary, log)
        alive = end_run(suspension.datasource, suspension.run, services)
        if alive:
            raise ConflictError(
                "resume supervisors",
                resource=f"{suspension.datasource}, suspended by {suspension.run.dag_run_id}",
                came_back=f"of that run these still live: {alive}; they were asked to end",
                remedy="look again in a few minutes: `druid-reindex orphans --reap`, or the next hour's housekeeping",
            )
        Suspender(SuspensionShelf(store, self.boundary, suspension.datasource), druid, suspension, log).resume()

    def _suspended(self) -> Iterator[SuspendedSupervisors]:
        for shelf in self._read(lambda: suspension_shelves(self.store(), self.boundary)):
            yield from self._read(partial(self._suspension, shelf))

    def _suspension(self, shelf: SuspensionShelf) -> list[SuspendedSupervisors]:
        found = shelf.read()
        if found is None or found.deployment_id != self.deployment_id or not found.supervisors:
            return []
        return [SuspendedSupervisors(found, LeaseShelf(self.store(), self.boundary, shelf.datasource).read())]

    def _clusters(self) -> list[Cluster]:
        return self.emr().living_clusters(names.RUN_TAG)

    def _unused(self) -> list[StoredConfiguration]:
        """The security configurations that the provider made for this side and that no cluster of it runs under."""
        emr = self.emr()
        listed = [name for name in emr.security_configuration_names() if name.startswith(PREFIX)]
        used = {each.security_configuration for each in self._clusters()} if listed else set()
        told = [emr.security_configuration(name) for name in listed if name not in used]
        return [each for each in told if each and is_made(each.name, each.text) and self._is_of_this_side(each)]

    def _is_of_this_side(self, configuration: StoredConfiguration) -> bool:
        """Whether it names this side's key; one that names neither side's is the general one's."""
        keys = {each: self.boundaries.of(each).kms_key_arn for each in Classification}
        named = next((side for side, key in keys.items() if key in configuration.text), Classification.GENERAL)
        return named is self.classification

    def _leases(self) -> Iterator[Lease]:
        folder = S3Uri.parse(self.boundary.runs_uri) / "leases"
        for each in self._read(lambda: self.store().listing(folder)):
            yield from self._read(partial(self._lease, each.uri))

    def _lease(self, uri: S3Uri) -> list[Lease]:
        found = self.store().get_with_etag(uri)
        return [stored.from_json(found[0])] if found is not None else []

    def _groups(self) -> Iterator[Group]:
        for shelf in self._read(lambda: group_shelves(self.store(), self.boundary)):
            yield from self._read(partial(self._group, shelf))

    def _group(self, shelf: GroupShelf) -> list[Group]:
        group = shelf.read()
        return [group] if group is not None and group.deployment_id == self.deployment_id else []

    def _files(self) -> list[WorkingFiles]:
        runs = S3Uri.parse(self.boundary.runs_uri)
        found = []
        for prefix, objects in working_files(runs, self.store().listing(runs)).items():
            body = self.store().get_with_etag(runs / prefix / names.OWNER_FILE)
            run_id = owner_of(prefix, body[0], self.deployment_id) if body is not None else None
            if run_id is not None:
                newest = max(each.modified_at for each in objects)
                found.append(WorkingFiles(run_id, runs / prefix, tuple(each.uri for each in objects), newest))
        return found

    def _read(self, read: Callable[[], list[T]]) -> list[T]:
        try:
            return read()
        except DruidReindexError as error:
            self.unread(str(error))
            return []
