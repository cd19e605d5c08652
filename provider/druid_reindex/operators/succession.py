"""What a new owner of a datasource does with what the one before it had submitted: ends it, and says what lives yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from druid_reindex.errors import RefusedError
from druid_reindex.model.cluster import Cluster, ClusterState
from druid_reindex.model.lease import Lease
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


def end_predecessor(predecessor: Lease, druid: DruidPort, emr: EmrPort, log: Callable[[str], None]) -> Alive:
    """What still lives of the run that held ``predecessor``, after it was all asked to end; doing it again is harmless.

    Its Druid tasks are known by their ids, its clusters by their tag. Whoever asks goes on once nothing is alive: a
    task may still publish, and a step still write, until it has ended.
    """
    prefix = names.task_prefix(predecessor.datasource, predecessor.run)
    for task_id in _tasks(druid, predecessor.datasource, prefix):
        log(f"stopping task {task_id} of {predecessor}")
        druid.shutdown_task(task_id)
    for cluster in _clusters(emr, predecessor):
        if cluster.state is not ClusterState.TERMINATING:
            _end_cluster(emr, cluster, prefix, log)
    living = tuple(cluster.cluster_id for cluster in _clusters(emr, predecessor))
    return Alive(tuple(_tasks(druid, predecessor.datasource, prefix)), living)


def _tasks(druid: DruidPort, datasource: str, prefix: str) -> list[str]:
    return [task.task_id for task in druid.active_tasks(datasource) if task.task_id.startswith(prefix)]


def _clusters(emr: EmrPort, predecessor: Lease) -> list[Cluster]:
    tagged = emr.living_clusters(names.RUN_TAG)
    return [c for c in tagged if c.tags[names.RUN_TAG] == predecessor.owner and not c.state.is_ended]


def _end_cluster(emr: EmrPort, cluster: Cluster, prefix: str, log: Callable[[str], None]) -> None:
    """Cancel the run's steps first: a cluster takes minutes to end, and they would go on meanwhile."""
    for step in emr.list_steps(cluster.cluster_id):
        if step.name.startswith(prefix) and not step.state.is_ended:
            log(f"cancelling step {step.step_id} of cluster {cluster.cluster_id}")
            try:
                emr.cancel_step(cluster.cluster_id, step.step_id)
            except RefusedError as refused:
                log(f"the step ends with its cluster: {refused}")
    log(f"terminating cluster {cluster.cluster_id} ({cluster.name})")
    emr.terminate(cluster.cluster_id)
