"""`export_…`: what was rebuilt as files, once; a night that lacks them alone gets a cluster for them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from druid_reindex.model.cluster import Step, StepState
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer import Load
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.export import ExportSegmentsOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.plan import names
from druid_reindex.plan.manifest import read_manifest
from night_world import SETTINGS, World, make
from step_commands import command_of, spec_of
from twins import FakeEmr, FakeStore
from warehouse import KEY

LOAD = Load.model_validate({
    "name": "snapshot", "table": "clinic.snapshot", "columns": ["day", "events"], "mode": "merge", "keys": ["day"],
    "sources": {"day": "__time"}, "format": "json", "compression": "gzip",
})  # fmt: skip
EXPORTING = replace(
    SETTINGS, pipeline=Pipeline.model_validate(SETTINGS.pipeline.model_dump() | {"loads": [LOAD.model_dump()]})
)


class Exporting(FakeEmr):
    """An EMR whose steps leave what the script leaves of segments with `rows` more than they have."""

    def __init__(self, store: FakeStore, outcomes: list[StepState], rows: int = 0) -> None:
        super().__init__(step_outcomes=outcomes)
        self.store, self.rows = store, rows

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        step = super().describe_step(cluster_id, step_id)
        if step.state is StepState.COMPLETED:
            self._leave(spec_of(self.added[int(step_id[2:]) - 1]))
        return step

    def _leave(self, place: S3Uri) -> None:
        spec = json.loads(self.store.get(place))
        self._put(str(place).replace("spec.json", "result.json"), {"protocol": 1, "exit_code": 0})
        entries = []
        for i, segment in enumerate(spec["segments"]):
            url = f"{spec['output']}part-{i:05}.json.gz"
            self._put(url, {})
            entries.append({"url": url, "meta": {"content_length": 2, "record_count": segment["rows"] + self.rows}})
        self._put(f"{spec['output']}manifest", {"entries": entries})

    def _put(self, uri: str, document: object) -> None:
        self.store.put(S3Uri.parse(uri), json.dumps(document).encode(), kms_key_arn=KEY)


def rebuilt(world: World, *outcomes: StepState, rows: int = 0) -> World:
    """A night whose batch is done."""
    world.emr = Exporting(world.store, list(outcomes), rows)
    world.run(make(PlanNightOperator, "plan", settings=EXPORTING))
    world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=EXPORTING))
    world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=EXPORTING))
    return world


def export(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(ExportSegmentsOperator, "export_snapshot", settings=EXPORTING, load=LOAD))
    return told


def test_what_is_served_is_exported_once_and_its_manifest_is_where_the_load_looks(world: World) -> None:
    told = export(rebuilt(world))
    assert (told["rows"], told["segments"], told["files"]) == (100, 1, 1)
    run_id = make(PlanNightOperator, "plan", settings=EXPORTING).run_identity(world.context())
    place = names.export_manifest_uri(SETTINGS.boundary, run_id, "snapshot")
    assert told["manifest_uri"] == str(place)
    manifest = read_manifest(place, world.store.get(place), below=S3Uri.parse(SETTINGS.boundary.data_uri))
    assert (manifest.rows, manifest.sha256) == (100, told["manifest_sha256"])
    assert export(world) == told
    assert len(world.emr.added) == 1


def test_a_try_that_waited_for_the_load_adds_its_step(world: World) -> None:
    rebuilt(world).druid.segments_left = [1, 0]
    before = len(world.deferred)
    assert export(world)["rows"] == 100
    waited = [type(each.trigger).__name__ for each in world.deferred[before:]]
    assert waited[0] == "DruidLoadTrigger"
    assert set(waited[1:]) == {"EmrStepTrigger"}
    assert len(world.emr.added) == 1


def test_the_step_reads_the_segments_of_deep_storage(world: World) -> None:
    export(rebuilt(world))
    (step,) = world.emr.added
    script, spec_uri, region = command_of(step)
    assert (script, region) == ("/opt/druid-reindex/bin/export.sh", "us-east-1")
    (segment,) = json.loads(world.store.get(S3Uri.parse(spec_uri)))["segments"]
    assert segment["url"].startswith("s3://drx-phi-111122223333/druid/segments/")
    assert segment["rows"] == 100


def test_what_was_waited_for_as_a_load_is_not_taken_for_a_step(world: World) -> None:
    rebuilt(world)
    world.druid.segments_left = [3, 0]
    assert export(world)["segments"] == 1
    assert len(world.emr.added) == 1


def test_other_rows_than_are_served_are_an_error_and_no_load_finds_them(world: World) -> None:
    rebuilt(world, rows=1)
    with pytest.raises(AirflowFailException, match="101 rows, of 100 that are served"):
        export(world)
    assert not [uri for uri in world.store.objects if uri.key.endswith("export/snapshot/manifest")]


def test_a_batch_without_a_result_is_not_exported(world: World) -> None:
    rebuilt(world)
    for uri in [uri for uri in world.store.objects if uri.key.endswith("batches/0/result.json")]:
        del world.store.objects[uri]
    with pytest.raises(AirflowFailException, match="clear the task of batch 0 first"):
        export(world)


def test_a_cleared_night_whose_export_alone_is_missing_gets_a_cluster(world: World) -> None:
    rebuilt(world, StepState.FAILED)
    with pytest.raises(AirflowFailException, match="FAILED"):
        export(world)
    up = world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=EXPORTING))
    assert up["cluster_id"] is not None
    export(world)
    assert world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=EXPORTING))["cluster_id"] is None


def test_a_night_without_work_exports_nothing(world: World) -> None:
    world.druid.segments.clear()
    world.run(make(PlanNightOperator, "plan", settings=EXPORTING))
    with pytest.raises(AirflowSkipException):
        export(world)
