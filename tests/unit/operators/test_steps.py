"""A step of the cluster as `jobs` and `scripts` use it; how it ends for them: `test_jobs.py`, `test_scripts.py`."""

from __future__ import annotations

from druid_reindex.model.cluster import Cluster, ClusterState, Step, StepState
from druid_reindex.operators.steps import log_of

CLUSTER = Cluster("j-1", "night", ClusterState.WAITING, log_uri="s3://drx-logs-111122223333/emr/phi/")


def test_the_log_lies_where_emr_says_or_else_where_the_cluster_archives_it() -> None:
    step = Step("s-1", "a", StepState.FAILED)
    assert str(log_of(step, CLUSTER)) == "s3://drx-logs-111122223333/emr/phi/j-1/steps/s-1/stderr.gz"
    told = Step("s-1", "a", StepState.FAILED, log_file="s3://drx-logs-111122223333/elsewhere.gz")
    assert str(log_of(told, CLUSTER)) == "s3://drx-logs-111122223333/elsewhere.gz"
