"""The half-hourly DAGs: each open run is looked at, what is found alerts once, and one bad run hides no other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.exceptions import AirflowException, AirflowFailException

import packs
from airflow_twin import DESK, ROOT
from druid_reindex import evidence_dags
from druid_reindex.clients.journal import SPOOL_VARIABLE
from druid_reindex.clients.packs import PackKeeper
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.model.evidence_place import EvidencePlace, Trail
from druid_reindex.model.journal import to_line
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.callbacks import NIGHT_STATE
from druid_reindex.operators.reconcile import ReconcileOperator, declared_actors, tell_findings
from trail_account import SCOPE, TrailFiles, event, log_text
from trail_runs import DATA, assumed, call
from twins import FakeClusterSurvey, FakeLockedStore, FakeLogFiles, FakeSigner, FakeTrail

PHI = DESK.boundaries.phi
STRANGER = assumed("arn:aws:iam::111122223333:role/Analyst", "eve")
NOW = datetime.now(UTC).replace(microsecond=0)
AT = NOW - timedelta(minutes=20)


def place() -> EvidencePlace:
    assert PHI.evidence is not None
    return PHI.evidence.model_copy(update={"trail": Trail.EMULATED})


class World:
    """The side's evidence with two runs that wait, and the trail's files."""

    def __init__(self) -> None:
        self.store, self.files = FakeLockedStore(), TrailFiles()
        for run in (packs.RUN, packs.OTHER_RUN):
            self.keeper(run).keep(packs.gathered, AT)
            mine = call(1, AT, run=run, resources=(), request_id=f"REQ{run}")
            self.store.put(S3Uri.parse(PHI.runs_uri) / f"{run}/journal/a.jsonl", to_line(mine), kms_key_arn="k")
        self.written(NOW)

    def keeper(self, run: str) -> PackKeeper:
        return PackKeeper(place(), self.store, FakeSigner(), replace(packs.A_RUN, run=run))

    def written(self, at: datetime) -> None:
        self.store.written = dict.fromkeys(self.store.objects, at)

    def deliver(self, *more: dict[str, Any]) -> None:
        ours = [event(n, AT, requestID=f"REQ{run}", eventName="PutObject", resources=[]) for n, run in
                enumerate((packs.RUN, packs.OTHER_RUN))]  # fmt: skip
        self.files.deliver(log_text(*ours, *more), AT)
        self.files.close(NOW)

    def run(self) -> dict[str, list[str]]:
        boundaries = DESK.boundaries.model_copy(update={"phi": PHI.model_copy(update={"evidence": place()})})
        operator = ReconcileOperator(
            task_id="reconcile", classification=Classification.PHI, boundaries=boundaries, actors={}
        )
        run = SimpleNamespace(dag_id="evidence__phi", run_id="scheduled__1")
        return operator.execute(cast("Any", {"ti": SimpleNamespace(try_number=1), "dag_run": run}))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    made = World()
    port = FakeTrail([SCOPE], made.files.objects, made.files.public_keys(), Selectors(s3_prefixes=(f"{DATA}/",)))
    for name, twin in {
        "s3_client": made.store, "locked_store": made.store, "trail": port, "cluster_survey": FakeClusterSurvey(),
        "log_files": FakeLogFiles(),
    }.items():  # fmt: skip
        monkeypatch.setattr(connections, name, lambda conn_id, region, twin=twin: twin)
    monkeypatch.setattr(connections, "signer", lambda conn_id, region, key_arn: FakeSigner())
    return made


def test_what_waits_is_told_and_looked_at_again(world: World) -> None:
    told = world.run()
    assert sorted(told["pending"]) == sorted([packs.RUN, packs.OTHER_RUN])
    assert len(told["supplements"]) == 2, "the journals are known"
    world.written(NOW)
    assert world.run()["supplements"] == []
    world.deliver()
    done = world.run()
    assert (len(done["supplements"]), done["pending"]) == (2, [])
    world.written(NOW)
    assert world.run() == {"supplements": [], "pending": []}, "nothing is open any more"


def test_what_a_person_must_look_at_fails_the_task_once(world: World) -> None:
    segment = f"{names_of_segments()}/1"
    world.deliver(
        event(9, AT, eventName="GetObject", userIdentity=STRANGER, requestParameters=None, resources=[{"ARN": segment}])
    )
    with pytest.raises(AirflowFailException, match="1 foreign to look at") as failed:
        world.run()
    assert "manual" in str(failed.value) or "scheduled__1" in str(failed.value)
    assert str(failed.value).count("foreign") == 2, "it touched what both runs own"
    world.written(NOW)
    assert world.run() == {"supplements": [], "pending": []}


def names_of_segments() -> str:
    uri = S3Uri.parse(PHI.segments_uri)
    return f"arn:aws:s3:::{uri.bucket}/{uri.key.rstrip('/')}/patient_vitals"


def test_a_run_that_cannot_be_looked_at_hides_no_other(world: World) -> None:
    world.deliver()
    lines = world.keeper(packs.RUN).folder / "0000.jsonl"
    world.store.objects[lines] = (world.store.get(lines).replace(b"ada", b"eve"), "k")
    with pytest.raises(AirflowException, match="changed") as failed:
        world.run()
    assert not isinstance(failed.value, AirflowFailException)
    other = world.keeper(packs.OTHER_RUN).folder
    assert world.store.exists(other / "0001.jsonl")


def test_what_was_left_long_ago_is_not_read_again(world: World) -> None:
    world.written(NOW - timedelta(days=8))
    assert world.run() == {"supplements": [], "pending": []}


def test_before_the_first_night_there_is_nothing_to_do(world: World) -> None:
    world.store.objects.clear()
    assert world.run() == {"supplements": [], "pending": []}


def test_a_dag_for_each_side_that_keeps_evidence(tmp_path: Path) -> None:
    for name in ("dags", "emr_configs", "sql"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "dags" / "pipelines" / "wrong.yaml").write_text("datasource: 1\n")
    folder, configs = tmp_path / "dags" / "pipelines", tmp_path / "emr_configs"
    dags = evidence_dags(folder, configs=configs, notifiers=[SyncCallback("builtins.dict", {})])
    assert sorted(dags) == ["evidence__general", "evidence__phi"]
    (task,) = dags["evidence__phi"].tasks
    assert (task.pool, task.queue) == (PHI.pool, PHI.queue)
    assert len(list(task.on_failure_callback)) == 2
    boundaries = configs / "boundaries.yaml"
    assert set(declared_actors(folder, DESK.boundaries)) == {"patient_snapshot", "patient_vitals"}
    text = boundaries.read_text()
    at = text.index("  evidence:", text.index("\ngeneral:"))
    end = text.index("trail: emulated", at)
    boundaries.write_text(text[:at] + "  evidence: null\n" + text[text.index("\n", end) + 1 :])
    assert list(evidence_dags(folder, configs=configs)) == ["evidence__phi"]


def test_a_notifier_reads_what_was_found() -> None:
    context: Any = {"exception": AirflowFailException("patient_vitals: 1 foreign")}
    tell_findings(context)
    assert context[NIGHT_STATE] == "patient_vitals: 1 foreign"
