"""The hourly DAGs: only what no live run owns is taken away, and what goes wrong fails the task after the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk.exceptions import AirflowException

from airflow_twin import DESK
from druid_reindex import housekeeping_dags
from druid_reindex.clients.journal import SPOOL_VARIABLE, Journal
from druid_reindex.clients.suspensions import Suspender, SuspensionShelf
from druid_reindex.errors import NoAnswerError, RefusedError
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.suspension import Suspension
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.writers import Supervisor
from druid_reindex.operators import connections
from druid_reindex.operators.housekeeping import AGES, HousekeepingOperator, live_runs
from druid_reindex.plan import names
from journals import BINDING
from twins import FakeDruid, FakeEmr, FakeStore

DAG = "nightly_reindex__patient_vitals"
AWAY = NoAnswerError("list objects", resource="s3", came_back="nothing", remedy="wait")


class FirmEmr(FakeEmr):
    """Refuses to end its first cluster."""

    def terminate(self, cluster_id: str) -> None:
        if cluster_id.endswith("1"):
            raise RefusedError("terminate a cluster", resource=cluster_id, came_back="no", remedy="ask")
        super().terminate(cluster_id)


@dataclass
class Ti:
    """What Airflow's task instance answers about runs, as the Execution API does."""

    runs: dict[str, str]
    asked: list[str] = field(default_factory=list)
    try_number: int = 1

    def get_dr_count(self, dag_id: str, run_ids: Sequence[str], states: Sequence[str]) -> int:
        assert dag_id == DAG
        self.asked += run_ids
        return sum(self.runs.get(run_id) in states for run_id in run_ids)


@pytest.fixture
def emr(monkeypatch: pytest.MonkeyPatch) -> FakeEmr:
    """The twins behind the protected side's connection."""
    emr, store = FakeEmr(), FakeStore()

    def of(made: Any) -> Any:
        def connect(conn_id: str, region: str) -> Any:
            assert (conn_id, region) == ("aws_phi", "us-east-1")
            return made

        return connect

    monkeypatch.setattr(connections, "emr_client", of(emr))
    monkeypatch.setattr(connections, "s3_client", of(store))
    return emr


def launch(emr: FakeEmr, run_id: str) -> str:
    run = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id=run_id)
    tags = names.run_tags(run) | {names.CLASSIFICATION_TAG: "phi"}
    return emr.run_job_flow({"Name": "n", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})


def operator() -> HousekeepingOperator:
    return HousekeepingOperator(task_id="housekeeping", classification=Classification.PHI, boundaries=DESK.boundaries)


def keep_house(ti: Ti, **params: Any) -> dict[str, list[str]]:
    run = SimpleNamespace(dag_id="housekeeping__phi", run_id="scheduled__1")
    return operator().execute(cast("Any", {"ti": ti, "params": params, "dag_run": run}))


@pytest.mark.parametrize(
    ("state", "is_taken"),
    [("queued", False), ("running", False), ("failed", True), ("success", True), (None, True)],
)
def test_only_what_no_live_run_owns_is_taken_away(emr: FakeEmr, state: str | None, is_taken: bool) -> None:
    cluster_id = launch(emr, "r")
    ti = Ti({"r": state} if state else {})
    told = keep_house(ti, reap=True)
    assert emr.terminated == ([cluster_id] if is_taken else [])
    assert ti.asked == ["r"]
    assert told["taken_away"] == told["found"]
    assert bool(told["found"]) is is_taken


def test_without_reap_it_only_lists(emr: FakeEmr) -> None:
    cluster_id = launch(emr, "r")
    told = keep_house(Ti({}), reap=False)
    assert (len(told["found"]), told["taken_away"], emr.terminated) == (1, [], [])
    assert cluster_id in told["found"][0]


def test_what_goes_wrong_fails_the_task_after_all_the_rest(emr: FakeEmr, monkeypatch: pytest.MonkeyPatch) -> None:
    firm = FirmEmr()
    monkeypatch.setattr(connections, "emr_client", lambda _conn_id, _region: firm)
    first, second = launch(firm, "r"), launch(firm, "s")
    with pytest.raises(AirflowException, match=f"could not take away cluster {first}"):
        keep_house(Ti({}))
    assert firm.terminated == [second]


def test_what_cannot_be_read_fails_the_task_and_hides_nothing_else(
    emr: FakeEmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_conn_id: str, _region: str) -> FakeStore:
        raise AWAY

    monkeypatch.setattr(connections, "s3_client", away)
    cluster_id = launch(emr, "r")
    with pytest.raises(AirflowException, match="could not read: list objects"):
        keep_house(Ti({}))
    assert emr.terminated == [cluster_id]


def test_what_killed_tasks_have_left_of_their_journals_on_this_worker_is_put_away(
    emr: FakeEmr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    left = Journal(BINDING)
    at = datetime(2026, 10, 6, tzinfo=UTC)
    left.add(DruidCall(at, "druid:8290", "GET", "/status", "phi", 200, None, None, left.run, left.task))
    left.close()
    keep_house(Ti({}))
    store = connections.s3_client("aws_phi", "us-east-1")
    (stored,) = store.listing(S3Uri.parse(BINDING.runs_uri) / f"{left.run}/journal")
    assert store.get(stored.uri).count(b"/status") == 1
    assert not left.path.exists()


def test_each_owner_is_asked_for_once() -> None:
    run_id = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="r")
    ti = Ti({"r": "running"})
    assert live_runs(ti, frozenset({run_id})) == {run_id}
    assert live_runs(ti, ()) == frozenset()
    assert ti.asked == ["r"]


def test_one_dag_for_each_side() -> None:
    dags = housekeeping_dags(configs=DESK.configs)
    assert {dag_id: dag.tags for dag_id, dag in dags.items()} == {
        "housekeeping__phi": {"druid-reindex", "phi"}, "housekeeping__general": {"druid-reindex", "general"},
    }  # fmt: skip
    (task,) = dags["housekeeping__phi"].tasks
    assert (task.pool, task.queue) == ("druid_reindex_phi", "phi")
    assert dags["housekeeping__phi"].max_active_runs == 1


def test_a_lease_is_broken_only_when_it_is_forgotten() -> None:
    assert AGES.lease == timedelta(days=30) > AGES.cluster


@pytest.mark.parametrize(("state", "is_resumed"), [("running", False), ("failed", True), (None, True)])
def test_what_no_live_run_has_suspended_is_resumed(
    emr: FakeEmr, monkeypatch: pytest.MonkeyPatch, state: str | None, *, is_resumed: bool
) -> None:
    druid, boundary = FakeDruid(supervisors=[Supervisor("s0", is_suspended=False)]), DESK.boundaries.phi
    asked: list[tuple[str, bool]] = []

    def connect(conn_id: str, *, protected: bool) -> FakeDruid:
        asked.append((conn_id, protected))
        return druid

    monkeypatch.setattr(connections, "druid_client", connect)
    store: Any = connections.s3_client("aws_phi", "us-east-1")
    run = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="r")
    mine = Suspension("patient_vitals", DESK.boundaries.deployment_id, run, 1, "druid_own")
    shelf = SuspensionShelf(store, boundary, "patient_vitals")
    Suspender(shelf, druid, mine, lambda _said: None).suspend(["s0"], lambda: None)
    told = keep_house(Ti({"r": state} if state else {}))
    assert druid.supervisors[0].is_suspended is not is_resumed
    assert (len(told["taken_away"]), asked) == ((1, [("druid_own", True)]) if is_resumed else (0, []))
