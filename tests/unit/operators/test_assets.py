"""Assets and datasets have the same names, for every task of every DAG that is shipped."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset, BaseHook, Connection

from druid_reindex import evidence_dags, housekeeping_dags, reindex_dags, retire_dags
from druid_reindex.evidence.lineage import DatasetName
from druid_reindex.model.transfer import Unload
from druid_reindex.operators import assets
from druid_reindex.operators.lineage import asset_dataset
from druid_reindex.operators.redshift import LoadRedshiftOperator, UnloadRedshiftOperator
from moved_night import moving_pipeline
from night_world import ROOT, SETTINGS, make

PIPELINES, CONFIGS = ROOT / "dags" / "pipelines", ROOT / "emr_configs"
DRUID = "druid://druid.example.org:9088"
WAREHOUSE = "redshift://drx.us-east-1:5439"
TOLD_BY_TASK = (UnloadRedshiftOperator, LoadRedshiftOperator)


@pytest.fixture(autouse=True)
def druid_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Connection(conn_id="druid_phi", conn_type="http", host="druid.example.org", port=9088, schema="https")
    monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id: found)


def shipped() -> dict[str, Any]:
    """Each task of each DAG, by both ids."""
    dags = [
        *reindex_dags(PIPELINES, configs=CONFIGS).values(),
        *retire_dags(PIPELINES, configs=CONFIGS).values(),
        *housekeeping_dags(configs=CONFIGS).values(),
        *evidence_dags(PIPELINES, configs=CONFIGS).values(),
    ]
    return {f"{dag.dag_id}.{task.task_id}": task for dag in dags for task in dag.tasks}


def dataset(asset: Asset) -> DatasetName:
    """What another DAG, which says nothing of its own, would tell of the asset."""
    extra = {name: value for name, value in asset.extra.items() if name == assets.DRUID_CONNECTION}
    found = translate_airflow_asset(Asset(uri=asset.uri, extra=extra), None)
    assert found is not None, asset.uri
    return DatasetName(found.namespace, found.name)


def test_each_asset_of_each_task_is_a_dataset_that_the_task_tells() -> None:
    tasks = shipped()
    assert len(tasks) > 25
    named = {name: (task.inlets, task.outlets) for name, task in tasks.items() if task.inlets or task.outlets}
    assert sorted(name.partition("__")[2] for name in named) == [
        "patient_snapshot.load_snapshot", "patient_snapshot.unload_claims", "patient_snapshot.unload_conditions",
        "patient_snapshot.verdict", "patient_vitals.verdict",
    ]  # fmt: skip
    for name, (inlets, outlets) in named.items():
        if name.endswith(".verdict"):
            datasource = name.partition("__")[2].removesuffix(".verdict")
            assert [dataset(each) for each in (*inlets, *outlets)] == [DatasetName(DRUID, datasource)]
            continue
        told = tasks[name].lineage()
        assert {dataset(each) for each in inlets} == {each.name for each in told.inputs}, name
        assert {dataset(each) for each in outlets} == {each.name for each in told.outputs}, name


def test_each_table_that_a_task_tells_has_its_asset() -> None:
    (load,) = [task for name, task in shipped().items() if name.endswith("load_snapshot")]
    (outlet,) = load.outlets
    assert outlet.uri == f"x-{WAREHOUSE}/nights.clinic.patient_snapshot"
    assert dataset(outlet) == DatasetName(WAREHOUSE, "nights.clinic.patient_snapshot")
    (unload,) = [task for name, task in shipped().items() if name.endswith("unload_conditions")]
    assert [each.uri.rpartition("/")[2] for each in unload.inlets] == [
        "nights.records.conditions",
        "nights.records.devices",
    ]


def test_of_a_table_that_a_task_names_the_task_alone_tells() -> None:
    """Airflow's provider would tell it of a skipped task too, which has moved nothing."""
    tasks = [task for task in shipped().values() if isinstance(task, TOLD_BY_TASK)]
    assert len(tasks) == 3
    assert {asset_dataset(each, None) for task in tasks for each in (*task.inlets, *task.outlets)} == {None}


def test_a_datasource_without_its_connection_and_a_stranger_s_asset_are_no_dataset() -> None:
    assert asset_dataset(Asset(uri="x-druid://datasource/patient_vitals"), None) is None
    assert asset_dataset(Asset(uri="x-else://a/b", extra={assets.DRUID_CONNECTION: "druid_phi"}), None) is None


def test_a_table_of_a_database_outside_aws_has_its_name_there() -> None:
    assert dataset(Asset(uri="x-postgres://db.example.org:5432/clinic.public.patients")) == DatasetName(
        "postgres://db.example.org:5432", "clinic.public.patients"
    )


def test_without_the_parser_an_unload_has_no_asset_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openlineage_sql", None)
    (unload,) = moving_pipeline().unloads
    task = make(UnloadRedshiftOperator, "unload_claims", unload=unload)
    assert task.inlets == []


def test_who_names_assets_of_their_own_keeps_them() -> None:
    mine = Asset(uri="x-mine://a/b")
    (unload,) = moving_pipeline().unloads
    assert make(UnloadRedshiftOperator, "unload_claims", unload=unload, inlets=[mine]).inlets == [mine]


def test_a_select_that_cannot_be_read_gives_no_asset() -> None:
    assert assets.unloaded(SETTINGS, Unload.model_construct(name="a", sql=None, jdbc=None)) == []
