"""Ends what a run has on Druid, EMR and Redshift: tasks, steps and statements by their names, clusters by their tags.

A cluster that it shares goes on while another run uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from druid_reindex.clients.groups import end_closed, group_shelves
from druid_reindex.clients.shelf import RecordPlace
from druid_reindex.errors import RefusedError
from druid_reindex.model.cluster import Cluster, ClusterState, Step
from druid_reindex.model.group import shown
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names
from druid_reindex.plan.group import of_run
from druid_reindex.ports import DruidPort, EmrPort, ObjectStorePort, RedshiftPort


@dataclass(frozen=True, slots=True)
class Alive:
    """The Druid tasks, EMR clusters and Redshift statements of a run that have not ended; false when there are none.

    ``steps`` are those on clusters that it shares, as cluster id and step id.
    """

    task_ids: tuple[str, ...] = ()
    cluster_ids: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    statement_ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.task_ids or self.cluster_ids or self.steps or self.statement_ids)

    def __str__(self) -> str:
        steps = [f"step {step_id} of {cluster_id}" for cluster_id, step_id in self.steps]
        statements = [f"statement {statement_id}" for statement_id in self.statement_ids]
        return ", ".join([*self.task_ids, *self.cluster_ids, *steps, *statements]) or "nothing"


@dataclass(frozen=True)
class Services:
    """Where a run's things are, and who hears what is done to them; ``place`` is the run's side of the boundary.

    ``redshift`` is None where the run's pipeline has it run nothing.
    """

    druid: DruidPort
    emr: EmrPort
    store: ObjectStorePort
    place: RecordPlace
    log: Callable[[str], None]
    redshift: RedshiftPort | None = None


def end_run(datasource: str, run_id: RunId, services: Services) -> Alive:
    """What still lives of the run, after it was all asked to end; doing it again is harmless.

    Whoever asks goes on once nothing is alive: a task may still publish, and a step still write, until it has ended.
    Clusters and statements are ended, too, when Druid does not answer, whose error is raised after that.
    """
    prefix = names.task_prefix(datasource, run_id)
    druid, emr = services.druid, services.emr
    try:
        for task_id in _tasks(druid, datasource, prefix):
            services.log(f"stopping task {task_id}")
            druid.shutdown_task(task_id)
    finally:
        for cluster in _clusters(emr, run_id):
            if cluster.state is not ClusterState.TERMINATING:
                end_cluster(emr, cluster, prefix, services.log)
        steps = _leave_groups(run_id, prefix, services)
        statements = _cancel_statements(names.statements_prefix(datasource, run_id), services)
    living = tuple(cluster.cluster_id for cluster in _clusters(emr, run_id))
    return Alive(tuple(_tasks(druid, datasource, prefix)), living, steps, statements)


def end_cluster(emr: EmrPort, cluster: Cluster, prefix: str, log: Callable[[str], None]) -> None:
    """Cancel the steps whose names start with ``prefix``, then terminate: ending takes minutes, and they would go on.

    A step that EMR will not cancel ends with the cluster.
    """
    _cancel_steps(emr, cluster.cluster_id, prefix, log)
    log(f"terminating cluster {cluster.cluster_id} ({cluster.name})")
    emr.terminate(cluster.cluster_id)


def _leave_groups(run_id: RunId, prefix: str, services: Services) -> tuple[tuple[str, str], ...]:
    """The run's steps on shared clusters that have not ended; where it is the last one out, the cluster is ended."""
    shelves = group_shelves(services.store, services.place)
    if not shelves:
        return ()
    keys = {shelf.key for shelf in shelves}
    shared = [each for each in services.emr.living_clusters(names.GROUP_TAG) if each.tags[names.GROUP_TAG] in keys]
    for cluster in shared:
        _cancel_steps(services.emr, cluster.cluster_id, prefix, services.log)
    for shelf in shelves:
        group = shelf.read()
        if group is not None and group.has(run_id):
            group = shelf.leave(run_id) or group
            services.log(f"left group {group.key}, which is still used by: {shown(group.members) or 'nobody'}")
        if group is not None:
            end_closed(services.emr, shared, group, services.log)
    return tuple((each.cluster_id, step.step_id) for each in shared for step in _steps(services.emr, each, prefix))


def _steps(emr: EmrPort, cluster: Cluster, prefix: str) -> list[Step]:
    """The steps of that prefix that have not ended; none once the cluster has."""
    if emr.describe_cluster(cluster.cluster_id).state.is_ended:
        return []
    steps = emr.list_steps(cluster.cluster_id)
    return [each for each in steps if each.name.startswith(prefix) and not each.state.is_ended]


def _cancel_steps(emr: EmrPort, cluster_id: str, prefix: str, log: Callable[[str], None]) -> None:
    for step in emr.list_steps(cluster_id):
        if step.name.startswith(prefix) and not step.state.is_ended:
            log(f"cancelling step {step.step_id} of cluster {cluster_id}")
            try:
                emr.cancel_step(cluster_id, step.step_id)
            except RefusedError as refused:
                log(f"the step ends by itself or with its cluster: {refused}")


def _cancel_statements(prefix: str, services: Services) -> tuple[str, ...]:
    """The run's statements that have not ended, once they were all cancelled."""
    redshift = services.redshift
    if redshift is None:
        return ()
    for each in redshift.named(prefix):
        if not each.state.is_ended:
            services.log(f"cancelling statement {each.statement_id} ({each.name})")
            redshift.cancel(each.statement_id)
    return tuple(each.statement_id for each in redshift.named(prefix) if not each.state.is_ended)


def _tasks(druid: DruidPort, datasource: str, prefix: str) -> list[str]:
    return [task.task_id for task in druid.active_tasks(datasource) if task.task_id.startswith(prefix)]


def _clusters(emr: EmrPort, run_id: RunId) -> list[Cluster]:
    return [each for each in of_run(emr.living_clusters(names.RUN_TAG), run_id) if not each.state.is_ended]
