"""A new owner ends what its predecessor left on Druid and EMR, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.clients.run_end import Alive
from druid_reindex.errors import RefusedError
from druid_reindex.model.cluster import ClusterState, StepState
from druid_reindex.model.identity import RunId
from druid_reindex.model.lease import Lease
from druid_reindex.operators.succession import end_predecessor
from druid_reindex.plan import names
from timelines import RUN, boundaries, pipeline
from twins import EPOCH, FakeDruid, FakeEmr

OTHER = RunId.of(boundaries().deployment_id, dag_id="other", run_id="manual__2")
JAR = {"Jar": "command-runner.jar", "Args": ["true"]}


def lease(run: RunId = RUN) -> Lease:
    return Lease("patient_vitals", str(run), "d", run.dag_id, run.dag_run_id, 1, EPOCH, EPOCH)


def task(run: RunId, datasource: str = "patient_vitals") -> dict[str, Any]:
    name = names.task_id(pipeline(datasource=datasource), run, batch=0, digest="a" * 64, generation=1)
    return {"id": name, "spec": {"dataSchema": {"dataSource": datasource}}}


def cluster(emr: FakeEmr, run: RunId) -> str:
    tags = [{"Key": names.RUN_TAG, "Value": str(run)}]
    cluster_id = emr.run_job_flow({"Name": "night", "Tags": tags})
    emr.clusters[cluster_id] = replace(emr.clusters[cluster_id], state=ClusterState.RUNNING)
    for name in (task(run)["id"], "set up"):
        emr.add_step(cluster_id, {"Name": name, "HadoopJarStep": JAR})
    return cluster_id


def test_tasks_steps_and_clusters_of_the_predecessor_are_ended_and_no_others() -> None:
    druid, emr, said = FakeDruid(), FakeEmr(), list[str]()
    theirs, ours = [druid.submit_task(task(run)) for run in (RUN, OTHER)]
    old, new = cluster(emr, RUN), cluster(emr, OTHER)
    alive = end_predecessor(lease(), druid, emr, said.append)
    assert alive == Alive((), (old,))
    assert [status.task_id for status in druid.active_tasks("patient_vitals")] == [ours]
    assert theirs in druid.ended
    assert emr.terminated == [old]
    assert [step.state for step in emr.list_steps(old)] == [StepState.PENDING, StepState.CANCELLED]
    assert [step.state for step in emr.list_steps(new)] == [StepState.PENDING, StepState.PENDING]
    assert len(said) == 3


def test_it_is_asked_again_until_nothing_lives() -> None:
    druid, emr = FakeDruid(), FakeEmr()
    old = cluster(emr, RUN)
    assert end_predecessor(lease(), druid, emr, print)
    assert end_predecessor(lease(), druid, emr, print)
    emr.describe_cluster(old)
    assert not end_predecessor(lease(), druid, emr, print)
    assert emr.terminated == [old]


def test_a_task_that_goes_on_is_told() -> None:
    class Stubborn(FakeDruid):
        def shutdown_task(self, task_id: str) -> None:
            """Accepted, and not done yet."""

    druid = Stubborn()
    task_id = druid.submit_task(task(RUN))
    alive = end_predecessor(lease(), druid, FakeEmr(), print)
    assert (alive, str(alive)) == (Alive((task_id,)), task_id)
    assert str(Alive()) == "nothing"


def test_a_cancellation_that_emr_refuses_does_not_keep_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    emr = FakeEmr()
    old = cluster(emr, RUN)

    def refuse(cluster_id: str, step_id: str) -> None:
        raise RefusedError("cancel a step", resource=step_id, came_back="no", remedy="end the cluster")

    monkeypatch.setattr(emr, "cancel_step", refuse)
    end_predecessor(lease(), FakeDruid(), emr, print)
    assert emr.terminated == [old]
