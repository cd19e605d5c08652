"""Ends what a run has on Druid and EMR: its tasks known by their ids, its clusters by their tag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from druid_reindex.errors import RefusedError
from druid_reindex.model.cluster import Cluster, ClusterState
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names
from druid_reindex.ports import DruidPort, EmrPort


@dataclass(frozen=True, slots=True)
class Alive:
    """The Druid tasks and EMR clusters of a run that have not ended; false when there are none."""

    task_ids: tuple[str, ...] = ()
    cluster_ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.task_ids or self.cluster_ids)

    def __str__(self) -> str:
        return ", ".join([*self.task_ids, *self.cluster_ids]) or "nothing"


def end_run(datasource: str, run_id: RunId, druid: DruidPort, emr: EmrPort, log: Callable[[str], None]) -> Alive:
    """What still lives of the run, after it was all asked to end; doing it again is harmless.

    Whoever asks goes on once nothing is alive: a task may still publish, and a step still write, until it has ended.
    The clusters are ended, too, when Druid does not answer, whose error is raised after that.
    """
    prefix = names.task_prefix(datasource, run_id)
    try:
        for task_id in _tasks(druid, datasource, prefix):
            log(f"stopping task {task_id}")
            druid.shutdown_task(task_id)
    finally:
        for cluster in _clusters(emr, run_id):
            if cluster.state is not ClusterState.TERMINATING:
                end_cluster(emr, cluster, prefix, log)
    living = tuple(cluster.cluster_id for cluster in _clusters(emr, run_id))
    return Alive(tuple(_tasks(druid, datasource, prefix)), living)


def end_cluster(emr: EmrPort, cluster: Cluster, prefix: str, log: Callable[[str], None]) -> None:
    """Cancel the steps whose names start with ``prefix``, then terminate: ending takes minutes, and they would go on.

    A step that EMR will not cancel ends with the cluster.
    """
    for step in emr.list_steps(cluster.cluster_id):
        if step.name.startswith(prefix) and not step.state.is_ended:
            log(f"cancelling step {step.step_id} of cluster {cluster.cluster_id}")
            try:
                emr.cancel_step(cluster.cluster_id, step.step_id)
            except RefusedError as refused:
                log(f"the step ends with its cluster: {refused}")
    log(f"terminating cluster {cluster.cluster_id} ({cluster.name})")
    emr.terminate(cluster.cluster_id)


def _tasks(druid: DruidPort, datasource: str, prefix: str) -> list[str]:
    return [task.task_id for task in druid.active_tasks(datasource) if task.task_id.startswith(prefix)]


def _clusters(emr: EmrPort, run_id: RunId) -> list[Cluster]:
    tagged = emr.living_clusters(names.RUN_TAG)
    return [c for c in tagged if c.tags[names.RUN_TAG] == str(run_id) and not c.state.is_ended]
