"""A datasource filled with made-up rows, and everything taken away again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.clients import smoke as ground
from druid_reindex.clients.smoke import SmokeGround
from druid_reindex.errors import ConflictError, DeadlineError, ReindexFailedError
from druid_reindex.model.cluster import ClusterState
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan import names
from twins import FakeDruid, FakeEmr, FakeStore, Outcome, segment

ROOT = Path(__file__).parents[3]
BOUNDARIES = load_boundaries(ROOT / "emr_configs")
NAME = "patient_smoke"
WINDOW = Interval.parse("2026-10-04/2026-10-06")
FILL = f"smoke-{NAME}-now"
REMOVAL = f"smoke-removal-{NAME}-now"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "POLL_SECONDS", 0.0)


def made(druid: FakeDruid | None = None, **others: Any) -> SmokeGround:
    shipped = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", BOUNDARIES)
    pipeline = shipped.model_copy(update={"datasource": NAME})
    emr, store = others.get("emr") or FakeEmr(), others.get("store") or FakeStore()
    return SmokeGround(pipeline, BOUNDARIES.phi, WINDOW, "now", druid or FakeDruid(), emr, store, print)


def served(day: int = 4) -> Any:
    return segment(f"2026-10-0{day}/2026-10-0{day + 1}", datasource=NAME)


def test_an_empty_datasource_is_filled_and_served() -> None:
    druid = FakeDruid(outcomes=[Outcome(publishes=[served()])], segments_left=[3, 1, 0])
    ours = made(druid)
    ours.refuse_if_used()
    ours.fill()
    (task,) = druid.submitted
    assert (task["id"], task["spec"]["ioConfig"]["inputSource"]["type"]) == (FILL, "inline")
    assert druid.segments_left == [0]


def test_a_datasource_with_anything_in_it_is_refused() -> None:
    with pytest.raises(ConflictError, match="1 segments"):
        made(FakeDruid([served()])).refuse_if_used()
    druid = FakeDruid()
    druid.submit_task({"id": "theirs", "spec": {"dataSchema": {"dataSource": NAME}}})
    with pytest.raises(ConflictError, match="theirs"):
        made(druid).refuse_if_used()


def test_a_failed_ingestion_is_told() -> None:
    with pytest.raises(ReindexFailedError, match="no such column"):
        made(FakeDruid(outcomes=[Outcome(TaskState.FAILED, failure="no such column")])).fill()


def test_rows_that_nobody_serves_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "SERVED_SECONDS", -1.0)
    druid = FakeDruid(outcomes=[Outcome(publishes=[served()])], segments_left=[2])
    with pytest.raises(DeadlineError, match="2 of its segments to load"):
        made(druid).fill()


def test_everything_in_the_datasource_is_deleted_and_nothing_of_another() -> None:
    other = segment("2026-10-04/2026-10-05", datasource="patient_vitals")
    druid = FakeDruid([served(4), served(5), other])
    druid.submit_task({"id": FILL, "spec": {"dataSchema": {"dataSource": NAME}}})
    made(druid).empty()
    assert druid.segments == [other]
    assert druid.ended == {FILL: TaskState.FAILED, REMOVAL: TaskState.SUCCESS}
    removal = druid.submitted[-1]
    assert (removal["type"], removal["dataSource"], removal["interval"]) == ("kill", NAME, str(WINDOW))
    made(druid).empty()


def test_segments_that_come_back_are_told() -> None:
    druid = FakeDruid([served(4)], outcomes=[Outcome(publishes=[served(5)])])
    with pytest.raises(ConflictError, match="1 segments are in service still"):
        made(druid).empty()


def test_a_task_that_does_not_stop_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "TASK_SECONDS", -1.0)
    druid = FakeDruid()
    druid.submit_task({"id": FILL, "spec": {"dataSchema": {"dataSource": NAME}}})
    with pytest.raises(DeadlineError, match=FILL):
        made(druid).empty()


def test_the_runs_files_are_deleted_and_no_others() -> None:
    run = RunId.of(BOUNDARIES.deployment_id, dag_id="d", run_id="r")
    mine, lease = names.plan_uri(BOUNDARIES.phi, run), names.lease_uri(BOUNDARIES.phi, NAME)
    store = FakeStore({mine: (b"plan", "k"), lease: (b"lease", "k")})
    made(store=store).delete_files(run)
    assert set(store.objects) == {lease}


def test_a_security_configuration_is_deleted_when_this_night_made_it_alone() -> None:
    emr = FakeEmr()
    emr.create_security_configuration("ours", "{}")
    ours = made(emr=emr)
    ours.delete_configuration("ours", ["ours"])
    assert "ours" in emr.configurations
    tags = [{"Key": names.RUN_TAG, "Value": "another"}]
    cluster_id = emr.run_job_flow({"Name": "n", "SecurityConfiguration": "ours", "Tags": tags})
    ours.delete_configuration("ours", [])
    assert "ours" in emr.configurations
    emr.terminate(cluster_id)
    assert emr.describe_cluster(cluster_id).state is ClusterState.TERMINATED
    ours.delete_configuration("ours", [])
    ours.delete_configuration("ours", [])
    assert emr.configurations == {}
