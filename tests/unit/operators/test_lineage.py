"""What tasks tell a listener: a whole night of tables, files and segments in one line, and nothing of a patient."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import Asset, BaseHook, Connection
from airflow.sdk.exceptions import AirflowException
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

import packs
from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence.lineage import RunName
from druid_reindex.operators import assets, connections
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.export import ExportSegmentsOperator
from druid_reindex.operators.lineage import asset_dataset, looked_at, namespace, planned_of, run_name, tell_trail
from druid_reindex.operators.links import DATASETS_KEY
from druid_reindex.operators.night import NIGHT_KEY, PLAN_TASK, NightOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.prepare import TokeniseFilesOperator
from druid_reindex.operators.provider_info import get_provider_info
from druid_reindex.operators.redshift import LoadRedshiftOperator, UnloadRedshiftOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.validate import ValidateSegmentsOperator
from lineage_graph import flows, names, reached, unknown_columns
from moved_night import moving_pipeline, with_sources
from night_world import SETTINGS, World, make
from openlineage_spec import problems
from warehouse import sql

CANARY = "Maria-Magdalena-Quendolin"
DRUID = "druid://druid.example.org:9088"
RUN = "63277489-6713-5aed-a80c-5b701e3a7353"


SNAPSHOT = replace(SETTINGS, pipeline=moving_pipeline())
(CLAIMS,) = SNAPSHOT.pipeline.unloads
(LOAD,) = SNAPSHOT.pipeline.loads


@pytest.fixture(autouse=True)
def druid_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Connection(conn_id="druid_phi", conn_type="http", host="druid.example.org", port=9088, schema="https")
    monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id: found)


def event(task: NightOperator, kind: RunState, told: Any) -> dict[str, Any]:
    """What a listener would send."""
    made = RunEvent(
        eventTime="2026-11-22T05:00:00+00:00", producer="https://example.org/p", eventType=kind,
        run=Run(RUN.replace("6327", f"{hash(task.task_id) % 9000 + 1000}"), told.run_facets),
        job=Job("n", task.task_id), inputs=told.inputs, outputs=told.outputs,
    )  # fmt: skip
    return dict(json.loads(Serde.to_json(made)))


def sent(world: World, task: NightOperator) -> list[dict[str, Any]]:
    """The events of a task that succeeds, asked for as Airflow does: its templates rendered, then before and after."""
    night = world.xcoms.get((PLAN_TASK, NIGHT_KEY))
    task.night = json.dumps(night)
    begun = event(task, RunState.START, task.get_openlineage_facets_on_start())
    world.run(task)
    return [begun, event(task, RunState.COMPLETE, task.get_openlineage_facets_on_complete(None))]


def whole_night(world: World) -> list[dict[str, Any]]:
    """The events of the tasks that move data, in their order."""
    with_sources(world)
    world.run(make(PlanNightOperator, "plan", settings=SNAPSHOT))
    unload = make(UnloadRedshiftOperator, "unload_claims", settings=SNAPSHOT, unload=CLAIMS)
    unload.sql = sql("unload/patient_claims.sql") + f" AND '{CANARY}' <> patient_id"
    unload.sql_values = {"ward": CANARY}
    events = sent(world, unload)
    world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=SNAPSHOT))
    load = make(LoadRedshiftOperator, "load_snapshot", settings=SNAPSHOT, load=LOAD)
    load.sql = sql("load/patient_snapshot.sql")
    for task in (
        make(TokeniseFilesOperator, "prepare_claims", settings=SNAPSHOT, unload=CLAIMS),
        make(ReindexSegmentsOperator, "reindex", settings=SNAPSHOT, batch=0),
        make(ExportSegmentsOperator, "export_snapshot", settings=SNAPSHOT, load=LOAD),
        load,
    ):
        events += sent(world, task)
    return events


def test_what_a_night_moves_is_one_line_from_redshift_s_table_to_redshift_s_table(world: World) -> None:
    graph = flows(whole_night(world))
    warehouse = f"redshift://{SETTINGS.warehouse.cluster_identifier}.us-east-1:5439"
    first = (warehouse, f"{SETTINGS.warehouse.database}.billing.claims")
    last = (warehouse, f"{SETTINGS.warehouse.database}.clinic.patient_snapshot")
    seen = reached(graph, first)
    assert last in seen
    assert (DRUID, "patient_snapshot") in seen
    assert len([name for name in seen if name[0].startswith("s3://")]) == 3
    assert last in reached(graph, (DRUID, "patient_vitals"))
    assert first not in reached(graph, (DRUID, "patient_vitals"))


def test_each_event_of_it_is_one_by_the_specification(world: World) -> None:
    events = whole_night(world)
    assert len(events) == 10
    assert [found for each in events for found in problems(each)] == []
    assert [found for each in events for found in unknown_columns(each)] == []


def test_no_value_of_a_patient_and_no_sql_is_told(world: World) -> None:
    told = json.dumps(whole_night(world))
    for hidden in (CANARY, "SELECT", "CAST(", "service_date >="):
        assert hidden not in told


def test_the_provider_s_own_words_on_a_task_have_no_value_of_its_sql() -> None:
    from airflow.providers.openlineage.utils.utils import TaskInfo

    task = make(UnloadRedshiftOperator, "u", settings=SNAPSHOT, unload=CLAIMS, parameters={"ward": CANARY})
    assert task.sql_values == {"ward": CANARY}
    assert CANARY not in json.dumps(dict(TaskInfo(task)), default=str)


def test_what_ran_elsewhere_is_told_by_its_ids(world: World) -> None:
    told = {each["job"]["name"]: each["run"]["facets"]["druid_reindex_night"] for each in whole_night(world)}
    assert set(told["unload_claims"]["work"]) == {"statement_id"}
    assert set(told["prepare_claims"]["work"]) == {"step_id"}
    assert told["prepare_claims"]["keyVersionId"] == SNAPSHOT.pipeline.token_key.version_id
    assert told["reindex"]["batch"] == 0
    assert told["unload_claims"]["sqlFile"] == "unload/patient_claims.sql"
    assert len({each["runId"] for each in told.values()}) == len({each["planSha256"] for each in told.values()}) == 1


def test_a_second_try_tells_the_same_datasets(world: World) -> None:
    events = whole_night(world)
    again = make(ReindexSegmentsOperator, "reindex", settings=SNAPSHOT, batch=0)
    told = sent(world, again)[1]
    first = next(each for each in events if each["job"]["name"] == "reindex" and each["eventType"] == "COMPLETE")
    assert (told["inputs"], told["outputs"]) == (first["inputs"], first["outputs"])


def test_a_failed_rebuild_tells_what_it_read(world: World) -> None:
    world.druid.outcomes = []
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    task = make(ReindexSegmentsOperator, "reindex", batch=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "_job_of", _raising(AirflowException("the cluster is gone")))
        with pytest.raises(AirflowException):
            world.run(task)
    told = event(task, RunState.FAIL, task.get_openlineage_facets_on_failure(None))
    assert told["inputs"][0]["facets"]["druid_reindex_segments"]["action"] == "read"
    assert names(told["outputs"]) == {(DRUID, "patient_vitals")}
    assert problems(told) == []


def test_a_task_that_moves_nothing_tells_whose_it_is(world: World) -> None:
    begun, done = sent(world, make(PlanNightOperator, "plan"))
    assert names([*done["inputs"], *done["outputs"]]) == set()
    assert "runId" not in begun["run"]["facets"]["druid_reindex_night"]
    assert done["run"]["facets"]["druid_reindex_night"]["runId"] == world.xcoms["plan", NIGHT_KEY]["run_id"]


def test_a_night_without_work_tells_no_dataset(world: World) -> None:
    world.druid.segments = []
    world.plan()
    task = make(ValidateSegmentsOperator, "validate")
    task.night = json.dumps(world.xcoms["plan", NIGHT_KEY])
    assert task.get_openlineage_facets_on_start().inputs == []


def test_what_goes_wrong_is_logged_once_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.plan()
    monkeypatch.setattr(connections, "druid_address", _raising(RuntimeError("no connection")))
    task = make(ReindexSegmentsOperator, "reindex", batch=0)
    told = task.get_openlineage_facets_on_start()
    assert (told.inputs, told.outputs, told.run_facets) == ([], [], {})
    assert capsys.readouterr().out.count("no lineage is told") == 1


def test_each_tasks_page_names_the_datasets_that_its_events_name(world: World) -> None:
    events = whole_night(world)
    for task_id in ("unload_claims", "prepare_claims", "reindex", "load_snapshot"):
        ended = next(each for each in reversed(events) if each["job"]["name"] == task_id)
        assert world.xcoms[task_id, DATASETS_KEY] == {
            way: sorted([each["namespace"], each["name"]] for each in ended[side])
            for way, side in (("reads", "inputs"), ("writes", "outputs"))
        }


@pytest.mark.parametrize(
    ("error", "said"), [(ModuleNotFoundError("No module named 'openlineage_sql'"), "openlineage_sql"),
                        (ValueError("a defect"), "goes on")],
)  # fmt: skip
def test_a_task_whose_datasets_cannot_be_named_goes_on_without(
    error: Exception, said: str, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_task: NightOperator) -> None:
        raise error

    monkeypatch.setattr(PlanNightOperator, "lineage", fail)
    assert world.run(make(PlanNightOperator, "plan"))
    assert said in capsys.readouterr().out
    assert ("plan", DATASETS_KEY) not in world.xcoms


@pytest.mark.parametrize("rendered", [None, "", "{{ ti }}", "null", "[]", "3"])
def test_a_template_that_is_not_rendered_or_has_no_plan_tells_nothing(rendered: object) -> None:
    assert planned_of(rendered) == {}


def test_the_asset_of_a_night_is_its_dataset() -> None:
    (told,) = get_provider_info()["asset-uris"]
    assert told["to_openlineage_converter"] == f"{asset_dataset.__module__}.{asset_dataset.__name__}"
    asset = Asset(name="a", uri="x-druid://datasource/patient_vitals", extra={"druid_conn_id": "druid_phi"})
    assert told["schemes"] == [each.partition("://")[0] for each in (asset.uri, *assets.TABLES)]
    found = asset_dataset(asset, None)
    assert found is not None
    assert (found.namespace, found.name) == (DRUID, "patient_vitals")


@pytest.mark.parametrize(
    "asset",
    [
        Asset(name="a", uri="x-druid://datasource/patient_vitals"),
        Asset(name="b", uri="x-druid://elsewhere/x", extra={"druid_conn_id": "druid_phi"}),
    ],
)
def test_an_asset_that_names_no_connection_or_no_datasource_is_no_dataset(asset: Asset) -> None:
    assert asset_dataset(asset, None) is None


def test_druid_is_named_by_its_router() -> None:
    assert namespace("druid_phi") == DRUID


def _raising(error: Exception) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    return refuse


def test_where_lineage_is_off_a_night_has_no_name_in_it(world: World) -> None:
    assert run_name(world.context(), "druid_phi") is None


def test_where_it_is_on_a_night_is_named_as_its_events_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.providers.openlineage.api.is_openlineage_active", lambda: True)
    context = world.context()
    context["dag_run"].clear_number = 0
    named = run_name(context, "druid_phi")
    assert named is not None
    assert (named.namespace, named.job, named.druid) == ("default", "nightly_reindex__patient_vitals", DRUID)
    context["dag_run"].clear_number = 1
    assert run_name(context, "druid_phi") != named, "cleared, the run is another one there"
    monkeypatch.setattr(connections, "druid_address", _raising(ConfigurationError(
        "connect to Druid", resource="druid_phi", came_back="no URL", remedy="set it"
    )))  # fmt: skip
    assert run_name(context, "druid_phi") is None, "evidence goes on without"


@dataclass
class Looking:
    """Stands for a look at a night."""

    trail_run: Any
    run: Any = packs.A_RUN


def test_what_cannot_be_sent_of_cloudtrail_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("airflow.providers.openlineage.api.is_openlineage_active", lambda: True)
    monkeypatch.setattr("airflow.providers.openlineage.api.emit", _raising(OSError("no such host")))
    monkeypatch.setattr("druid_reindex.clients.openlineage.trail_events", lambda *_: ["an event"])
    looking = cast("Any", Looking("a run"))
    looking.kept = SimpleNamespace(uri="s3://b/packs/0001.jsonl")
    tell_trail(looking, datetime.now(UTC))
    assert "no lineage is told of s3://b/packs/0001.jsonl" in caplog.text


def test_who_looks_at_nights_reads_their_datasources_once_each() -> None:
    named = replace(packs.A_RUN, lineage=RunName("n", "j", RUN, DRUID))
    looks = [Looking(None, named), Looking(None, named), Looking(None)]
    found = looked_at(cast("Any", looks))
    assert [(each.namespace, each.name) for each in found.inputs] == [(DRUID, "patient_vitals")]
