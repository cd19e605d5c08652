"""What a run has on Druid and EMR is ended; how its steps are: `tests/unit/operators/test_succession.py`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_twin import DAG, DESK, RUN
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.groups import GroupShelf
from druid_reindex.clients.run_end import Alive, Services, end_run
from druid_reindex.errors import NoAnswerError, RefusedError
from druid_reindex.model.cluster import ClusterState, StepState
from druid_reindex.model.druid_task import TaskStatus
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names
from twins import FakeDruid, FakeEmr, FakeRedshift, FakeStore

SUBJECT = DESK.subject(DagRun(DAG, RUN, "failed"))


class SilentDruid(FakeDruid):
    """Does not answer."""

    def active_tasks(self, datasource: str) -> list[TaskStatus]:
        raise NoAnswerError("list active tasks", resource=datasource, came_back="ConnectError", remedy="wait")


def services(emr: FakeEmr, said: list[str], druid: FakeDruid | None = None) -> Services:
    return Services(druid or FakeDruid(), emr, FakeStore(), SUBJECT.boundary, said.append)


def test_clusters_are_ended_though_druid_does_not_answer() -> None:
    emr, said = FakeEmr(), list[str]()
    tags = [{"Key": key, "Value": value} for key, value in names.run_tags(SUBJECT.run_id).items()]
    cluster_id = emr.run_job_flow({"Name": "night", "Tags": tags})
    with pytest.raises(NoAnswerError):
        end_run("patient_vitals", SUBJECT.run_id, services(emr, said, SilentDruid()))
    assert emr.terminated == [cluster_id]
    assert end_run("patient_vitals", SUBJECT.run_id, services(emr, said)) == Alive((), (cluster_id,))
    assert (emr.terminated, said) == ([cluster_id], [f"terminating cluster {cluster_id} (night)"])


def test_what_lives_is_named() -> None:
    assert str(Alive(("t",), ("j",))) == "t, j"
    assert (bool(Alive()), str(Alive())) == (False, "nothing")


def test_the_run_s_statements_are_cancelled_and_no_other_s() -> None:
    redshift, said = FakeRedshift(), list[str]()
    mine = names.statement_name("patient_vitals", SUBJECT.run_id, "unload_claims", digest="0" * 8, generation=1)
    own = redshift.submit(mine, ["SELECT 1"], token="a")
    others = redshift.submit(mine.replace(SUBJECT.run_id.short, "0" * 12), ["SELECT 1"], token="b")
    at = replace(services(FakeEmr(), said), redshift=redshift)
    assert end_run("patient_vitals", SUBJECT.run_id, at) == Alive()
    assert said == [f"cancelling statement {own} ({mine})"]
    assert [redshift.batches[each].state.is_ended for each in (own, others)] == [True, False]


def test_a_statement_that_is_still_ending_is_named() -> None:
    redshift = FakeRedshift()
    redshift.cancel = lambda statement_id: None  # type: ignore[method-assign]
    name = names.statement_name("patient_vitals", SUBJECT.run_id, "load_x", digest="0" * 8, generation=1)
    statement_id = redshift.submit(name, ["SELECT 1"], token="a")
    alive = end_run("patient_vitals", SUBJECT.run_id, replace(services(FakeEmr(), []), redshift=redshift))
    assert (alive.statement_ids, str(alive)) == ((statement_id,), f"statement {statement_id}")


OTHER = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="another")


def share(emr: FakeEmr, at: Services) -> tuple[str, GroupShelf]:
    """A cluster that the run and another one share; each has a step on it."""
    shelf = GroupShelf(at.store, at.place, "nightly-1")
    for run_id in (SUBJECT.run_id, OTHER):
        shelf.join(DESK.boundaries.deployment_id, run_id)
    tags = names.run_tags(SUBJECT.run_id) | {names.GROUP_TAG: "nightly-1", names.GENERATION_TAG: "1"}
    cluster_id = emr.run_job_flow({"Name": "shared", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})
    emr.clusters[cluster_id] = replace(emr.clusters[cluster_id], state=ClusterState.RUNNING)
    emr.ahead[cluster_id] = []
    shelf.launched(SUBJECT.run_id, 1, cluster_id)
    for datasource, run_id in (("patient_vitals", SUBJECT.run_id), ("patient_labs", OTHER)):
        emr.add_step(cluster_id, {"Name": f"{names.task_prefix(datasource, run_id)}0_x_g1"})
    return cluster_id, shelf


def test_a_shared_cluster_goes_on_without_the_runs_steps_until_the_last_one_is_out() -> None:
    emr, said = FakeEmr(), list[str]()
    at = services(emr, said)
    cluster_id, shelf = share(emr, at)
    for _ in range(2):
        assert not end_run("patient_vitals", SUBJECT.run_id, at)
    assert [step.state for step in emr.list_steps(cluster_id)] == [StepState.PENDING, StepState.CANCELLED]
    assert emr.terminated == []
    assert f"left group nightly-1, which is still used by: {DAG} another" in said
    for _ in range(2):
        assert not end_run("patient_labs", OTHER, at)
    assert emr.terminated == [cluster_id]
    group = shelf.read()
    assert group is not None
    assert (group.members, group.generation) == ((), 2)


def test_a_step_on_a_shared_cluster_lives_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    emr, said = FakeEmr(), list[str]()

    def refused(cluster_id: str, step_id: str) -> None:
        raise RefusedError("cancel a step", resource=step_id, came_back="FAILED", remedy=cluster_id)

    monkeypatch.setattr(emr, "cancel_step", refused)
    at = services(emr, said)
    cluster_id, _ = share(emr, at)
    alive = end_run("patient_vitals", SUBJECT.run_id, at)
    assert alive.steps == ((cluster_id, "s-0000000000001"),)
    assert str(alive) == f"step s-0000000000001 of {cluster_id}"
    emr.clusters[cluster_id] = replace(emr.clusters[cluster_id], state=ClusterState.TERMINATED)
    assert not end_run("patient_vitals", SUBJECT.run_id, at)
