"""A batch as a job: what a failed step tells, and what it keeps to itself."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.errors import ReindexFailedError
from druid_reindex.model.cluster import Cluster, ClusterState, Step, StepState
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.jobs import StepJob, Work
from druid_reindex.operators.waiting import Waiting
from druid_reindex.plan.planner import plan_night
from timelines import RUN, WINDOW, boundaries, pipeline, profile, segment
from twins import FakeEmr, FakeStore

PHI = boundaries().phi
CLUSTER = Cluster("j-1", "night", ClusterState.WAITING, log_uri="s3://drx-logs-111122223333/emr/phi/")
STDERR = S3Uri.parse("s3://drx-logs-111122223333/emr/phi/j-1/steps/s-0000000000001/stderr.gz")
LOG = """\
2026-10-06T02:40:00,594 INFO [main] org.apache.druid.indexer.JobHelper - uploading
Exception in thread "main" java.lang.RuntimeException: java.io.FileNotFoundException: s3a://drx-phi/index.zip
\tat org.apache.druid.cli.CliInternalHadoopIndexer.run(CliInternalHadoopIndexer.java:137)
Caused by: java.io.FileNotFoundException: s3a://drx-phi/index.zip
\t... 1 more
2026-10-06T02:40:09,594 INFO [shutdown-hook-0] org.apache.hadoop.metrics2.impl.MetricsSystemImpl - shutdown complete.
"""
QUOTES_A_ROW = 'java.lang.RuntimeException: com.druid.ParseException: Unparseable row {"patient":"Ann"}'


def failed(store: FakeStore, **said: str) -> str:
    """What the job's error says when its step fails with the log in `store` and EMR's own words `said`."""
    emr = FakeEmr(step_outcomes=[StepState.FAILED])
    emr.clusters[CLUSTER.cluster_id], emr.ahead[CLUSTER.cluster_id], emr.steps[CLUSTER.cluster_id] = CLUSTER, [], []
    described = emr.describe_step

    def describe(cluster_id: str, step_id: str) -> Step:
        return replace(described(cluster_id, step_id), **said)

    emr.describe_step = describe  # type: ignore[method-assign]
    plan = plan_night(pipeline(), [segment("09-01/09-02", number=n) for n in range(3)], WINDOW)
    waiting = Waiting(0.0, 60.0, log=lambda _line: None, sleep=lambda _seconds: None)
    work: Any = Work(pipeline(), PHI, profile(), RUN, plan.batches[0], waiting, lambda _line: None)
    with pytest.raises(ReindexFailedError) as error:
        StepJob(work, emr, store).run(CLUSTER)
    return str(error.value)


def with_log(text: str) -> FakeStore:
    store = FakeStore()
    store.put(STDERR, gzip.compress(text.encode()), kms_key_arn=PHI.emr_log_kms_key_arn)
    return store


def test_a_failed_step_tells_the_indexers_exception_and_where_the_whole_log_is() -> None:
    told = failed(with_log(LOG), reason="Unknown Error.", message="shutdown complete.", log_file=str(STDERR))
    assert "java.io.FileNotFoundException: s3a://drx-phi/index.zip" in told
    assert str(STDERR) in told
    assert "shutdown complete" not in told


def test_the_log_is_looked_for_where_the_cluster_archives_it() -> None:
    assert "FileNotFoundException" in failed(with_log(LOG))


def test_a_log_that_is_not_there_yet_leaves_what_emr_says() -> None:
    assert "UnsupportedOperationException: no" in failed(
        FakeStore(), message="java.lang.UnsupportedOperationException: no"
    )
    assert "could not be read yet (NotFoundError)" in failed(FakeStore(), message="shutdown complete.")


@pytest.mark.parametrize("store", [with_log(QUOTES_A_ROW), FakeStore()], ids=["in the log", "in EMR's words"])
def test_no_row_is_told(store: FakeStore) -> None:
    told = failed(store, message=QUOTES_A_ROW)
    assert "ParseException" in told
    assert "Ann" not in told
