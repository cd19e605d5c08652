"""A run as a member of its pipeline's group of clusters: how its tasks join, launch for all, and leave."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from druid_reindex.errors import ConflictError, NotFoundError
from druid_reindex.model.cluster import Cluster
from druid_reindex.model.group import Group
from druid_reindex.operators.triggers.groups import GroupClusterTrigger
from druid_reindex.operators.waiting import Wait
from druid_reindex.plan import names
from druid_reindex.plan.group import is_open

if TYPE_CHECKING:
    from druid_reindex.clients.groups import GroupShelf
    from druid_reindex.model.identity import RunId
    from druid_reindex.operators.settings import NightSettings
    from druid_reindex.ports import EmrPort, ObjectStorePort


@dataclass(frozen=True)
class Sharing:
    """One run in one group; what it finds is in the store and on EMR."""

    settings: NightSettings
    emr: EmrPort
    shelf: GroupShelf
    run_id: RunId
    log: Callable[[str], None]

    @classmethod
    def of(
        cls, settings: NightSettings, store: ObjectStorePort, emr: EmrPort, run_id: RunId, log: Callable[[str], None]
    ) -> Sharing | None:
        """The run in its pipeline's group; None for a pipeline that names none."""
        from druid_reindex.clients.groups import GroupShelf  # noqa: PLC0415

        key = names.group_key(settings.pipeline, settings.boundaries.deployment_id)
        return cls(settings, emr, GroupShelf(store, settings.boundary, key), run_id, log) if key is not None else None

    def join(self) -> Group:
        """The group with this run in it: with a cluster that lives, or with a launcher, which may be this run."""
        group = self._join(None)
        if group.cluster_id is None or not self._is_dead(group.cluster_id):
            return group
        self.log(f"cluster {group.cluster_id} of group {group.key} is dead, the next one takes its place")
        return self._join(group.cluster_id)

    def may_go_on(self, group: Group) -> bool:
        """Whether there is a cluster, or this run launches it."""
        return group.cluster_id is not None or (group.launcher is not None and group.launcher.run == self.run_id)

    def find(self, group: Group) -> Cluster | None:
        """The living cluster of the group's generation, whoever launched it."""
        return next((each for each in self.emr.living_clusters(names.GROUP_TAG) if is_open(each, group)), None)

    def launched(self, group: Group, cluster_id: str) -> str:
        """The group's cluster once this run launched ``cluster_id``, which is terminated when nobody can use it.

        While the group still has none, another run may just be finding this one. Raises ConflictError when it is not
        this run's to launch any more.
        """
        now = self.shelf.launched(self.run_id, group.generation, cluster_id)
        if now.generation != group.generation or now.cluster_id not in {None, cluster_id}:
            self.log(f"terminating cluster {cluster_id}: group {now.key} does not use it")
            self.emr.terminate(cluster_id)
        if now.cluster_id is None or not now.has(self.run_id):
            raise ConflictError(
                "launch a cluster that is shared",
                resource=f"group {now.key}",
                came_back="this run has left the group meanwhile, or another one launches in its stead",
                remedy="wait for the next try; if there is none and the run is still wanted, clear cluster_up",
            )
        return now.cluster_id

    def uses(self, cluster_id: str) -> bool:
        """Whether this run is still one of those that share the cluster."""
        group = self.shelf.read()
        return group is not None and group.has(self.run_id) and group.cluster_id == cluster_id

    def leave(self, live: Callable[[Iterable[RunId]], Collection[RunId]] = frozenset) -> tuple[Group, list[Cluster]]:
        """The group without this run, and its clusters that no run may use and that have not ended, asked to end.

        Members that are not among those that ``live`` returns of them are forgotten.
        """
        from druid_reindex.clients.groups import end_closed  # noqa: PLC0415

        seen = self.shelf.read()
        others = [member for member in seen.members if member.run != self.run_id] if seen else []
        alive = live([member.run for member in others]) if others else ()
        group = self.shelf.leave(self.run_id, [member for member in others if member.run not in alive])
        group = group or Group(self.shelf.key, self.settings.boundaries.deployment_id)
        clusters = self.emr.living_clusters(names.GROUP_TAG)
        return group, end_closed(self.emr, clusters, group, self.log)

    @property
    def until_launched(self) -> Wait:
        """The wait for whoever launches the group's cluster now."""
        settings = self.settings
        where = {"runs_uri": settings.boundary.runs_uri, "group": self.shelf.key}
        return Wait(f"the cluster of group {self.shelf.key}", GroupClusterTrigger, settings.aws_arguments | where)

    def _join(self, dead: str | None) -> Group:
        return self.shelf.join(self.settings.boundaries.deployment_id, self.run_id, dead)

    def _is_dead(self, cluster_id: str) -> bool:
        try:
            return self.emr.describe_cluster(cluster_id).state.is_over
        except NotFoundError:
            return True
