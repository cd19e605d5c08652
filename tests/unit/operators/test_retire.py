"""Tests of the task that retires what nights have replaced, and of its daily DAGs."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, TaskDeferred

from druid_reindex import retire_dags
from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.evidence.lineage import DatasetName, Lineage
from druid_reindex.evidence.lineage_facets import DISPOSAL
from druid_reindex.model.disposal import from_json
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.retire import RetireSegmentsOperator
from druid_reindex.operators.triggers.waits import LeaseFreeTrigger
from druid_reindex.plan.lease import Claim
from night_world import SETTINGS, World, make
from retired_nights import DATASOURCE, PHI, V0, V1, Past, ids, index, version
from twins import FakeDruid, Outcome

ROOT = Path(__file__).parents[3]
LONG_AGO = datetime.now(UTC) - timedelta(days=20)
OTHER = RunId.of(SETTINGS.boundaries.deployment_id, dag_id="another", run_id="1")


@pytest.fixture
def past(world: World) -> Past:
    """One night, longer ago than the window, in the world's Druid, bucket and store."""
    world.druid.segments, world.druid.outcomes = [], []
    made = Past(world.druid, world.archive, world.store)
    made.serve(version(V0))
    made.night("1", version(V0), version(V1), LONG_AGO)
    return made


def retire(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(RetireSegmentsOperator, "retire"))
    return told


def lease(world: World) -> Any:
    return LeaseShelf(world.store, PHI, DATASOURCE).read()


def test_what_a_night_replaced_long_ago_is_gone_and_the_lease_given_back(world: World, past: Past) -> None:
    told = retire(world)
    assert (told["retired"], told["versions"], told["left"]) == (2, 4, [])
    record = from_json(world.store.get(S3Uri.parse(told["record_uri"])))
    assert (record.is_done, sorted(record.segments)) == (True, sorted(ids(version(V0))))
    assert past.there([*version(V0), *version(V1)]) == set(ids(version(V1)))
    assert lease(world).is_given_back


def test_lineage_is_told_that_stored_versions_are_gone_and_only_then(
    world: World, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Connection(conn_id="druid_phi", conn_type="http", host="druid.example.org", port=9088, schema="https")
    monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id: found)
    task = make(RetireSegmentsOperator, "retire")
    assert task.lineage() == Lineage()
    told = world.run(task)
    (gone,) = task.lineage().outputs
    assert gone.name == DatasetName("druid://druid.example.org:9088", DATASOURCE)
    assert gone.facets["lifecycleStateChange"] == {"lifecycleStateChange": "TRUNCATE"}
    facet = gone.facets[DISPOSAL]
    assert (facet["versions"], facet["segments"], facet["objectVersions"]) == ([V0], 2, told["versions"])
    assert facet["recordUri"] == told["record_uri"]


def test_where_all_stays_lineage_is_told_of_no_change(world: World, past: Past) -> None:
    theirs = version("2026-09-15", shards=1)
    past.serve(theirs)
    FakeDruid.mark_unused(world.druid, DATASOURCE, ids(theirs))
    task = make(RetireSegmentsOperator, "retire")
    assert world.run(task)["retired"] == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("druid_reindex.operators.retire.site_of", lambda _task: None)
        assert task.lineage() == Lineage()


def test_a_second_day_has_nothing_to_do(world: World, past: Past) -> None:
    retire(world)
    world.run_id = "scheduled__2"
    with pytest.raises(AirflowSkipException, match="nothing was replaced more than 14 days ago"):
        retire(world)
    assert lease(world).is_given_back
    assert len(world.druid.submitted) == 1


def test_it_waits_for_druid_without_a_slot_and_under_the_lease(world: World, past: Past) -> None:
    world.druid.outcomes = [Outcome(polls=3)]
    retire(world)
    waits = [each.trigger.serialize()[1] for each in world.deferred]
    assert [wait["task"] for wait in waits] == [task["id"] for task in world.druid.submitted]
    assert all(wait["lease"]["datasource"] == DATASOURCE for wait in waits)
    assert past.there(version(V0)) == set()


def test_it_waits_for_the_night_that_holds_the_lease(world: World, past: Past) -> None:
    claim = Claim(DATASOURCE, OTHER, SETTINGS.boundaries.deployment_id)
    keeper = LeaseKeeper(world.store, PHI, claim)
    keeper.hold()
    task = make(RetireSegmentsOperator, "retire")
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(world.context())
    assert isinstance(deferred.value.trigger, LeaseFreeTrigger)
    assert world.druid.submitted == []
    keeper.release()
    assert retire(world)["retired"] == 2


def test_a_kill_that_fails_is_no_success_and_the_next_try_makes_another(world: World, past: Past) -> None:
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="java.io.IOException: no route")]
    with pytest.raises(AirflowFailException, match="no route"):
        retire(world)
    assert past.there(version(V0)) == set(ids(version(V0)))
    assert retire(world)["retired"] == 2
    assert len(world.druid.submitted) == 2


def test_who_is_fenced_out_stops_before_anything_goes(
    world: World, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = world.druid.submit_task
    shelf = LeaseShelf(world.store, PHI, DATASOURCE)

    def broken_after(payload: Any) -> str:
        found = submit(payload)
        shelf.break_it(lease(world), by="a person", reason="a test", now=datetime.now(UTC))
        return found

    monkeypatch.setattr(world.druid, "submit_task", broken_after)
    with pytest.raises(AirflowException, match="a person broke it"):
        retire(world)
    assert all(any(not each.is_delete_marker for each in found) for found in past.bucket.objects.values())
    assert set(past.bucket.objects) == {index(each) for name in (V0, V1) for each in version(name)}


def test_asked_only_to_tell_it_changes_nothing_and_takes_no_lease(world: World, past: Past) -> None:
    world.params = {"dispose": False}
    with pytest.raises(AirflowSkipException, match="2 segments would go; nothing was changed"):
        retire(world)
    assert past.there(version(V0)) == set(ids(version(V0)))
    assert (lease(world), world.druid.submitted) == (None, [])


def test_what_stays_is_told(world: World, past: Past) -> None:
    theirs = version("2026-09-15", shards=1)
    past.serve(theirs)
    FakeDruid.mark_unused(world.druid, DATASOURCE, ids(theirs))
    told = retire(world)
    assert (told["retired"], len(told["left"])) == (0, 1)
    assert "Druid would kill" in told["left"][0]
    assert past.there(theirs) == set(ids(theirs))


def test_each_side_with_pipelines_has_a_daily_dag_and_a_wrong_file_stops_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "dags" / "pipelines"
    shutil.copytree(ROOT / "dags" / "pipelines", folder)
    shutil.copytree(ROOT / "emr_configs", tmp_path / "emr_configs")
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    (folder / "wrong.yaml").write_text("datasource: 1\n")
    dags = retire_dags(folder, configs=tmp_path / "emr_configs")
    assert list(dags) == ["retire__phi"]
    dag = dags["retire__phi"]
    assert sorted(dag.task_ids) == ["patient_snapshot", "patient_vitals"]
    assert {(task.pool, task.queue) for task in dag.tasks} == {(PHI.pool, PHI.queue)}
    assert (dag.max_active_runs, dag.catchup, dag.tags) == (1, False, {"druid-reindex", "phi"})
