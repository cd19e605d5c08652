"""`unload_…` of a database: made once, by a step that alone knows the login; what its failures mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from druid_reindex.model.cluster import Step, StepState
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import digest
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.inputs import read_inputs
from druid_reindex.operators.jdbc import UnloadJdbcOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.settings import NightSettings
from jdbc_source import CA, VISITS, configs_with_database
from night_world import SETTINGS, World, make
from step_commands import command_of, spec_of
from twins import FakeEmr, FakeStore
from warehouse import KEY

ROWS = 30


class Unloading(FakeEmr):
    """An EMR whose steps leave what the script leaves; `results` in place of it, by the number of the step."""

    def __init__(self, store: FakeStore, results: list[dict[str, Any]]) -> None:
        failed = [StepState.FAILED if each["exit_code"] else StepState.COMPLETED for each in results]
        super().__init__(step_outcomes=failed)
        self.store, self.results = store, results

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        step = super().describe_step(cluster_id, step_id)
        if step.state.is_ended:
            self._leave(int(step_id[2:]) - 1)
        return step

    def _leave(self, number: int) -> None:
        place, spec = self.spec(number)
        result = self.results[number] if number < len(self.results) else {"protocol": 1, "exit_code": 0}
        self._put(str(place).replace("spec.json", "result.json"), result)
        if result["exit_code"] == 0:
            url = f"{spec['output']}part-00000.json.bz2"
            self._put(url, {})
            entries = [{"url": url, "meta": {"content_length": 1, "record_count": ROWS}}]
            self._put(f"{spec['output']}manifest", {"entries": entries})

    def spec(self, number: int) -> tuple[S3Uri, dict[str, Any]]:
        """Where a step's spec is, and what it says."""
        place = spec_of(self.added[number])
        return place, dict(json.loads(self.store.get(place)))

    def _put(self, uri: str, document: object) -> None:
        self.store.put(S3Uri.parse(uri), json.dumps(document).encode(), kms_key_arn=KEY)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> NightSettings:
    configs = configs_with_database(tmp_path_factory.mktemp("databases"))
    changes = {
        "datasource": "patient_snapshot",
        "inputs": [
            {"type": "datasource", "datasource": "patient_vitals"},
            {"type": "static", "unload": VISITS.name, "format": VISITS.format.value},
        ],
        "unloads": [VISITS.model_dump(exclude_unset=True)],
    }
    pipeline = Pipeline.model_validate(SETTINGS.pipeline.model_dump() | changes)
    return replace(SETTINGS, pipeline=pipeline, configs=configs, boundaries=load_boundaries(configs))


@pytest.fixture
def unload(world: World, settings: NightSettings) -> Callable[..., dict[str, Any]]:
    """Runs the task in a planned night with its cluster."""
    emr = Unloading(world.store, [])
    world.emr = emr

    def run(*results: dict[str, Any]) -> dict[str, Any]:
        emr.results = list(results) or emr.results
        emr.step_outcomes = [StepState.FAILED if each["exit_code"] else StepState.COMPLETED for each in emr.results]
        if ("plan", "night") not in world.xcoms:
            world.run(make(PlanNightOperator, "plan", settings=settings))
            world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=settings))
        return dict(world.run(make(UnloadJdbcOperator, "unload_visits", settings=settings, unload=VISITS)))

    return run


def test_rows_are_unloaded_once_and_the_batch_reads_them(
    world: World, settings: NightSettings, unload: Callable[..., dict[str, Any]]
) -> None:
    told = unload()
    assert (told["rows"], told["files"], told["size_bytes"]) == (ROWS, 1, 1)
    assert unload() == told
    assert len(world.emr.added) == 1
    read = read_inputs(make(ReindexSegmentsOperator, "reindex", batch=0, settings=settings), world.context())
    assert read.file_rows == ROWS
    (path,) = read.pipeline.files[0].paths
    assert "/unload/visits/" in path


def test_lineage_is_told_of_the_database_s_table_and_the_files(
    world: World, settings: NightSettings, unload: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "druid_address", lambda _conn_id: ("druid.example.org", 9088))
    task = make(UnloadJdbcOperator, "unload_visits", settings=settings, unload=VISITS)
    task.returned = unload()
    told = task.lineage()
    (table,), (files,) = told.inputs, told.outputs
    assert (table.name.namespace, table.name.name) == ("postgres://ehr.clinic.internal:5433", "ehr.clinic.visits")
    assert set(files.facets["columnLineage"]["fields"]) == {"id", "patient_id", "timestamp"}
    assert files.facets["outputStatistics"] == {"rowCount": ROWS, "size": 1, "fileCount": 1}
    assert told.work == {}


def test_the_step_is_the_script_beside_the_pipeline_and_knows_no_login(
    world: World, settings: NightSettings, unload: Callable[..., dict[str, Any]]
) -> None:
    unload()
    (step,) = world.emr.added
    *_, script, sha256, spec_uri, region = command_of(step)
    assert script == "s3://drx-artifacts-111122223333/bootstrap/unload_jdbc.sh"
    assert sha256 == digest((settings.configs / "bootstrap/unload_jdbc.sh").read_bytes())
    assert region == "us-east-1"
    assert world.store.kms_keys([S3Uri.parse(spec_uri)]) == {S3Uri.parse(spec_uri): KEY}
    assert isinstance(world.emr, Unloading)
    _, spec = world.emr.spec(0)
    assert spec["program"]["sha256"] == digest((settings.configs / "bootstrap/UnloadJdbc.java").read_bytes())
    assert (spec["ca"], spec["secret_id"]) == (CA, "druid-reindex/databases/phi/ehr")
    assert not {"username", "password"} & set(spec)


def ended(exit_code: int) -> dict[str, Any]:
    return {"protocol": 1, "exit_code": exit_code, "problem": "words"}


@pytest.mark.parametrize(
    ("exit_code", "told"),
    [(4, "let the clusters' role read the secret"), (7, r"phi/ehr: words.*username and password"),
     (8, "name the CA"), (9, "correct the unload")],
)  # fmt: skip
def test_what_a_person_has_to_mend_fails_for_good(
    world: World,
    settings: NightSettings,
    unload: Callable[..., dict[str, Any]],
    exit_code: int,
    told: str,
) -> None:
    with pytest.raises(AirflowFailException, match=told):
        unload(ended(exit_code))
    with pytest.raises(AirflowFailException, match="clear unload_visits"):
        world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=settings))
    assert world.druid.submitted == []


def test_a_connection_that_was_lost_is_for_a_retry_which_begins_anew(
    world: World, unload: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(AirflowException, match=r"words.*tried again by itself") as lost:
        unload(ended(10))
    assert not isinstance(lost.value, AirflowFailException)
    assert unload()["rows"] == ROWS
    assert [step["Name"][-3:] for step in world.emr.added] == ["_g1", "_g2"]


def test_a_changed_unload_is_unloaded_anew(
    world: World, settings: NightSettings, unload: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    first = unload()
    elsewhere = replace(settings, boundaries=load_boundaries(configs_with_database(tmp_path, host="other.internal")))
    second = world.run(make(UnloadJdbcOperator, "unload_visits", settings=elsewhere, unload=VISITS))
    assert second["manifest_uri"] != first["manifest_uri"]
    assert len(world.emr.added) == 2


def test_an_unload_whose_database_is_not_there_is_told(world: World, settings: NightSettings) -> None:
    world.plan()
    nowhere = replace(settings, boundaries=SETTINGS.boundaries)
    with pytest.raises(AirflowFailException, match=r"ehr, which boundaries\.yaml has not"):
        world.run(make(UnloadJdbcOperator, "unload_visits", settings=nowhere, unload=VISITS))


def test_a_night_without_work_unloads_nothing(world: World, settings: NightSettings) -> None:
    world.druid.segments.clear()
    world.run(make(PlanNightOperator, "plan", settings=settings))
    with pytest.raises(AirflowSkipException):
        world.run(make(UnloadJdbcOperator, "unload_visits", settings=settings, unload=VISITS))
