"""The run's cluster, for the tasks that have it do something."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from druid_reindex.errors import NotFoundError
from druid_reindex.operators import links
from druid_reindex.operators.attest import require_attested

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.cluster import Cluster
    from druid_reindex.operators.night import NightOperator
    from druid_reindex.operators.scripts import ScriptJob
    from druid_reindex.operators.sharing import Sharing


def cluster_of(task: NightOperator, context: Context) -> Cluster:
    """The cluster that ``cluster_up`` told of. Raises NotFoundError when it found nothing left to do."""
    cluster_id = context["ti"].xcom_pull(task_ids="cluster_up")["cluster_id"]
    if cluster_id is None:
        raise _without_cluster("cluster_up", "it found nothing left to do")
    return task.emr.describe_cluster(cluster_id)


def may_submit(task: NightOperator, context: Context, cluster: Cluster, sharing: Sharing | None) -> None:
    """Raises NotFoundError when the cluster has ended, or was left, as it was before a clear without cluster_up.

    Raises NotProtectedError when a node that joined it is not attested, FencedOutError without the lease.
    """
    if cluster.state.is_over:
        raise _without_cluster(cluster.cluster_id, cluster.state.value)
    if sharing is not None and not sharing.uses(cluster.cluster_id):
        raise _without_cluster(cluster.cluster_id, "this run is not one of those any more that share it")
    require_attested(task, context, cluster.cluster_id)
    task.require()


def script_job(task: NightOperator, context: Context, cluster: Cluster) -> ScriptJob:
    """What has the cluster run a script for the task, and shows the step among the task's links."""
    from druid_reindex.operators.scripts import ScriptJob  # noqa: PLC0415
    from druid_reindex.operators.steps import Doing  # noqa: PLC0415

    def started(step_id: str) -> None:
        links.tell_cluster(context, task.settings, cluster.cluster_id)
        links.tell_step(context, task.settings, cluster.cluster_id, step_id)

    doing = Doing(
        settings=task.settings,
        run_id=task.run_identity(context),
        waiting=task.waiting,
        log=task.log.info,
        require=partial(may_submit, task, context, cluster, task.sharing(context)),
        started=started,
    )
    return ScriptJob(doing, task.emr, task.store)


def _without_cluster(resource: str, came_back: str) -> NotFoundError:
    return NotFoundError(
        "work on the run's cluster",
        resource=resource,
        came_back=came_back,
        remedy="clear cluster_up with its downstream tasks, so that the run gets a cluster",
    )
