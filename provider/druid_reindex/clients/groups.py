"""Groups of clusters in the object store: joined, left and closed by compare-and-swap; what closed ones left on EMR."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from druid_reindex.clients.leases import utc_now
from druid_reindex.clients.shelf import RecordPlace, Shelf
from druid_reindex.errors import ConflictError
from druid_reindex.model import group as stored
from druid_reindex.model.cluster import Cluster
from druid_reindex.model.group import Group, Member
from druid_reindex.model.identity import RunId
from druid_reindex.plan import group as rules
from druid_reindex.plan import names
from druid_reindex.ports import EmrPort, ObjectStorePort


@dataclass(frozen=True)
class GroupShelf:
    """Where one group is kept. Cheap to make anew: what it knows is in the store."""

    store: ObjectStorePort
    place: RecordPlace
    key: str
    clock: Callable[[], datetime] = field(default=utc_now)

    def read(self) -> Group | None:
        """The group as it stands; None when nobody has ever joined it."""
        return self._record.read()

    def join(self, deployment_id: UUID, run_id: RunId, dead: str | None = None) -> Group:
        """The group with the run as a member, and as launcher of a cluster that is missing or ``dead``."""
        return self._swap(rules.join(self.key, deployment_id, run_id, self.clock(), dead))

    def launched(self, run_id: RunId, generation: int, cluster_id: str) -> Group:
        """The group, with the launched cluster as its own unless somebody else's is."""
        return self._swap(rules.launched(run_id, generation, cluster_id))

    def leave(self, run_id: RunId, dead: Collection[Member] = ()) -> Group | None:
        """The group without the run and the ``dead``; without any member it is closed. Twice is once."""
        return self._record.swap(rules.leave(run_id, dead))

    def close(self, seen: Group) -> None:
        """Close the generation that was ``seen``. Raises ConflictError when a run has joined it since."""
        current = self._swap(rules.close(seen))
        if current.generation == seen.generation:
            raise ConflictError(
                "close a group of clusters",
                resource=str(self._record.uri),
                came_back=f"it is in use again: {stored.shown(current.members)}",
                remedy="nothing: the last of these runs ends the cluster",
            )

    @property
    def _record(self) -> Shelf[Group]:
        uri = names.group_uri(self.place, self.key)
        return Shelf(self.store, uri, self.place.kms_key_arn, stored.from_json, stored.to_json)

    def _swap(self, change: rules.Change) -> Group:
        group = self._record.swap(change)
        if group is None:
            raise ConflictError(
                "change a group of clusters",
                resource=str(self._record.uri),
                came_back="it is not there any more",
                remedy="clear cluster_up with its downstream tasks; find out in CloudTrail who deleted the object",
            )
        return group


def group_shelves(store: ObjectStorePort, place: RecordPlace) -> list[GroupShelf]:
    """All groups of one side of the boundary."""
    listed = [each.uri.key.rpartition("/")[2] for each in store.listing(names.groups_uri(place))]
    return [GroupShelf(store, place, name.removesuffix(".json")) for name in listed if name.endswith(".json")]


def end_closed(emr: EmrPort, clusters: Iterable[Cluster], group: Group, log: Callable[[str], None]) -> list[Cluster]:
    """Those of ``clusters`` that are of the group's closed generations, each asked to end."""
    found = [each for each in clusters if rules.is_closed(each, group)]
    for cluster in found:
        if not cluster.state.is_over:
            log(f"terminating cluster {cluster.cluster_id} ({cluster.name}): no run uses it any more")
            emr.terminate(cluster.cluster_id)
    return found
