"""What it means that an EMR cluster ended, by EMR's state-change reason, in one table.

Sources: https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStateChangeReason.html,
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-troubleshoot-failed-codes.html
"""

from __future__ import annotations

from collections.abc import Mapping

from druid_reindex.errors import CapacityError, ClusterFailedError, DruidReindexError, UnavailableError
from druid_reindex.model.cluster import Cluster

REASONS: Mapping[str, tuple[type[DruidReindexError], str]] = {
    "INTERNAL_ERROR": (UnavailableError, "a retry launches a new cluster; ask AWS if it lasts"),
    "VALIDATION_ERROR": (ClusterFailedError, "correct the cluster profile or the boundary as EMR says"),
    "INSTANCE_FAILURE": (UnavailableError, "a retry launches a new cluster; look at the instances' state if it lasts"),
    "INSTANCE_FLEET_TIMEOUT": (CapacityError, "allow more instance types or subnets in the cluster profile"),
    "BOOTSTRAP_FAILURE": (ClusterFailedError, "read the bootstrap action's stderr under the cluster's log address"),
    "USER_REQUEST": (ClusterFailedError, "somebody ended the cluster; find out who in CloudTrail, then clear the task"),
    "STEP_FAILURE": (ClusterFailedError, "read the failed step's stderr under the cluster's log address"),
    "ALL_STEPS_COMPLETED": (ClusterFailedError, "keep the cluster alive without steps (KeepJobFlowAliveWhenNoSteps)"),
}
_UNKNOWN = (ClusterFailedError, "look the reason up in EMR's documentation")
_CAPACITY_CODE = "INSUFFICIENT_CAPACITY"


def cluster_failure(cluster: Cluster, *, attempted: str) -> DruidReindexError:
    """The error for a cluster that ended or is ending before its work was done.

    A reason that the table does not name is a person's to read. EMR reports missing EC2 capacity under several reasons,
    with an error code that says so: that is a CapacityError whatever the reason.
    """
    kind, remedy = _kind(cluster)
    reason = f"{cluster.reason_code or 'no reason'}: {cluster.reason_message or 'no message'}"
    return kind(
        attempted,
        resource=f"{cluster.cluster_id} ({cluster.name})",
        came_back=f"{cluster.state.value}, {reason}",
        remedy=f"{remedy} (logs: {cluster.log_uri or 'none'})",
    )


def is_without_capacity(cluster: Cluster) -> bool:
    """Whether the cluster ended because EC2 had not what it needed there, so that another subnet may help."""
    return cluster.state.is_over and _kind(cluster)[0] is CapacityError


def _kind(cluster: Cluster) -> tuple[type[DruidReindexError], str]:
    if _CAPACITY_CODE in cluster.reason_message:
        return REASONS["INSTANCE_FLEET_TIMEOUT"]
    return REASONS.get(cluster.reason_code, _UNKNOWN)
