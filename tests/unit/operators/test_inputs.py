"""What a batch is built from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.model.identity import digest
from druid_reindex.model.pipeline import Pipeline, StaticInput
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.inputs import with_files
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import built, names
from druid_reindex.plan.manifest import read_manifest
from night_world import DAY, NEW_VERSION, SETTINGS, World, make, measured
from twins import Outcome, segment
from warehouse import KEY, UNLOAD

VITALS = {"type": "datasource", "datasource": "patient_vitals"}
CHANGES = {
    "datasource": "patient_snapshot",
    "inputs": [VITALS, {"type": "static", "unload": "claims"}],
    "unloads": [UNLOAD.model_dump() | {"format": "json", "compression": "bzip2"}],
}
SNAPSHOT = replace(SETTINGS, pipeline=Pipeline.model_validate(SETTINGS.pipeline.model_dump() | CHANGES))
FILE = "s3://drx-phi-111122223333/runs/r/unload/claims/1/a.bz2"


def entries(*rows: int) -> bytes:
    listed = [{"url": FILE, "meta": {"content_length": 1, "record_count": each}} for each in rows]
    return json.dumps({"entries": listed}).encode()


def unloaded(world: World, *rows: int) -> None:
    """What the task `unload_claims` of this run left."""
    run_id = make(PlanNightOperator, "plan", settings=SNAPSHOT).run_identity(world.context())
    prefix = names.unload_prefix(SETTINGS.boundary, run_id, "claims")
    manifest, body = prefix / "1/manifest", entries(*rows)
    record = {"manifest_uri": str(manifest), "manifest_sha256": digest(body)}
    for uri, content in (
        (manifest, body), (S3Uri.parse(FILE), b"x"), (prefix / "result.json", json.dumps(record).encode())
    ):  # fmt: skip
        world.store.put(uri, content, kms_key_arn=KEY)


def derived(world: World, *, rows: int = 100) -> World:
    """A world in which the snapshot of one day is built and then has `rows`; its sources have 100."""
    made = segment(DAY, version=NEW_VERSION, datasource="patient_snapshot", rows=rows)
    world.druid.outcomes = [Outcome(publishes=[made])]
    world.druid.answers = measured(lambda sql: rows if '"patient_snapshot"' in sql else 100)
    place = made.payload["loadSpec"]
    world.store.put(S3Uri(place["bucket"], place["key"]), b"segment", kms_key_arn=KEY)
    world.run(make(PlanNightOperator, "plan", settings=SNAPSHOT))
    world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=SNAPSHOT))
    return world


def reindex(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT))
    return told


def validate(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(ValidateSegmentsOperator, "validate", settings=SNAPSHOT))
    return told


def test_files_take_the_place_of_an_unloads_name() -> None:
    prefix = S3Uri.parse("s3://drx-phi-111122223333/runs/r/unload/claims/1")
    manifest = read_manifest(prefix / "manifest", entries(30), below=prefix)
    found = with_files(SNAPSHOT.pipeline, {"claims": manifest})
    assert isinstance(found.pipeline.inputs[1], StaticInput)
    assert found.pipeline.inputs[1].paths == (FILE,)
    assert found.file_rows == 30
    assert with_files(SETTINGS.pipeline, {}).file_rows == 0


def test_files_that_nobody_counted_have_no_number() -> None:
    paths = {"type": "static", "paths": ["s3://drx-phi-111122223333/in/"]}
    pipeline = Pipeline.model_validate(SNAPSHOT.pipeline.model_dump() | {"inputs": [VITALS, paths]})
    assert with_files(pipeline, {}).file_rows is None


def test_a_batch_reads_the_unloads_files_and_keeps_what_it_was_built_from(world: World) -> None:
    unloaded(derived(world, rows=130), 30)
    reindex(world)
    (task,) = world.druid.submitted
    segments, files = task["spec"]["ioConfig"]["inputSpec"]["children"]
    assert files["paths"] == FILE.replace("s3://", "s3a://")
    assert len(segments["ingestionSpec"]["segments"]) == 10
    ledger = built.from_json(world.store.get(names.built_uri(SETTINGS.boundary, "patient_snapshot")))
    assert [[each.version for each in known] for known in ledger.values()] == [[NEW_VERSION]]
    assert validate(world)["rows_after"] == 130
    world.run(make(NightVerdictOperator, "verdict", settings=SNAPSHOT))
    world.run_id = "manual__2"
    assert world.run(make(PlanNightOperator, "plan", settings=SNAPSHOT)) == []


@pytest.mark.parametrize(("serves", "served"), [(False, {}), (True, {"COUNT(*)": 70, "events": 70})])
def test_what_is_read_and_what_was_served_are_measured_apart(world: World, *, serves: bool, served: Any) -> None:
    if serves:
        old = segment(DAY, version="2026-09-01T00:00:00.000Z", datasource="patient_snapshot", rows=70)
        world.druid.segments.append(old)
    unloaded(derived(world, rows=70))
    run_id = make(PlanNightOperator, "plan", settings=SNAPSHOT).run_identity(world.context())
    reindex(world)
    before = json.loads(world.store.get(names.before_uri(SETTINGS.boundary, run_id, 0)))
    assert (before["sums"], before["served"]) == ({DAY: {"events": 100}}, {DAY: served})


@pytest.mark.parametrize(
    ("rows", "told"), [(99, "rows: 99, wanted 100 to 130"), (131, "rows the whole batch: 131, wanted at most 130")]
)
def test_rows_that_were_not_read_are_an_error(world: World, rows: int, told: str) -> None:
    unloaded(derived(world, rows=rows), 30)
    reindex(world)
    with pytest.raises(AirflowFailException, match=told):
        validate(world)


def test_without_its_unload_no_batch_runs(world: World) -> None:
    derived(world)
    with pytest.raises(AirflowFailException, match="clear unload_claims"):
        reindex(world)
    assert world.druid.submitted == []
