"""Who uses a group's cluster, who launches it, and who ends it: pure rules for a record changed by compare-and-swap.

A cluster belongs to one generation of its group, which its tags name. Ending a cluster means first to close its
generation in the record and then to terminate what the tags still show of closed generations, so whoever joins in
between launches a cluster of the next generation, and a terminate that was lost is made good by the next run that
leaves. A launch that was lost is found by the tags of the generation that is open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from druid_reindex.model.cluster import Cluster
from druid_reindex.model.group import Group, Member
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names

# A launch is one search and one request; a launcher that is silent for longer is taken as dead. When it was not, two
# clusters may be launched: the one that the record does not name is terminated by whoever launched it.
LAUNCH_PATIENCE = timedelta(minutes=10)

Change = Callable[[Group | None], Group | None]


def join(key: str, deployment_id: UUID, run_id: RunId, now: datetime, dead: str | None = None) -> Change:
    """The run becomes a member, and the launcher where the cluster is missing, ``dead``, or nobody launches it."""

    def change(current: Group | None) -> Group:
        group, member = current or Group(key, deployment_id), Member(run_id, now)
        if dead is not None and group.cluster_id == dead:
            group = _closed(group)
        others = tuple(each for each in group.members if each.run != run_id)
        if may_launch(group, run_id, now):
            group = replace(group, launcher=member)
        return replace(group, members=(*others, member))

    return change


def may_launch(group: Group, run_id: RunId | None, now: datetime) -> bool:
    """Whether the run may launch the cluster that is missing; None asks for a run that has not begun to."""
    launcher = group.launcher
    if group.cluster_id is not None:
        return False
    return launcher is None or launcher.run == run_id or now >= launcher.since + LAUNCH_PATIENCE


def launched(run_id: RunId, generation: int, cluster_id: str) -> Change:
    """The launcher's cluster becomes the group's; no change when the run is not the launcher any more."""

    def change(current: Group | None) -> Group | None:
        if current is None or current.launcher is None or current.launcher.run != run_id:
            return None
        if current.generation != generation or current.cluster_id is not None:
            return None
        return replace(current, cluster_id=cluster_id)

    return change


def leave(run_id: RunId, dead: Collection[Member] = ()) -> Change:
    """The run is no member any more, nor are those ``dead`` that have not joined again; the last one out closes it."""

    def change(current: Group | None) -> Group | None:
        if current is None:
            return None
        stay = tuple(each for each in current.members if each.run != run_id and each not in dead)
        if stay == current.members:
            return None
        if not stay:
            return replace(_closed(current), members=())
        launcher = current.launcher
        gone = launcher is not None and current.cluster_id is None and all(m.run != launcher.run for m in stay)
        return replace(current, members=stay, launcher=None if gone else launcher)

    return change


def close(seen: Group) -> Change:
    """Nobody of ``seen`` is a member any more; no change when a run has joined since, or its generation is closed."""

    def change(current: Group | None) -> Group | None:
        if current is None or current.generation != seen.generation:
            return None
        if any(member not in seen.members for member in current.members):
            return None
        return replace(_closed(current), members=())

    return change


def is_closed(cluster: Cluster, group: Group) -> bool:
    """Whether the cluster is one of the group that nobody may use any more."""
    return cluster.tags.get(names.GROUP_TAG) == group.key and names.generation(cluster.tags) < group.generation


def is_open(cluster: Cluster, group: Group) -> bool:
    """Whether the cluster is of the group's present generation, and lives."""
    ours = cluster.tags.get(names.GROUP_TAG) == group.key and names.generation(cluster.tags) == group.generation
    return ours and not cluster.state.is_over


def of_run(clusters: Iterable[Cluster], run_id: RunId) -> list[Cluster]:
    """Those that are the run's alone."""
    return [c for c in clusters if c.tags.get(names.RUN_TAG) == str(run_id) and names.GROUP_TAG not in c.tags]


def _closed(group: Group) -> Group:
    return replace(group, generation=group.generation + 1, cluster_id=None, launcher=None)
