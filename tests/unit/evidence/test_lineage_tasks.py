"""What tasks read and write: columns from the pipeline's own definition, places and counts from what they left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Dataset, DatasetName, Query
from druid_reindex.evidence.lineage_facets import Check
from druid_reindex.evidence.lineage_tasks import Rebuilt, Site
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline

ROOT = Path(__file__).parents[3]
BOUNDARIES = load_boundaries(ROOT / "emr_configs")
DRUID = "druid://druid.example.org:9088"


def site(name: str, **changes: Any) -> Site:
    pipeline = load_pipeline(ROOT / "dags" / "pipelines" / f"{name}.yaml", BOUNDARIES)
    changed = Pipeline.model_validate(pipeline.model_dump() | changes)
    return Site(changed, BOUNDARIES.of(changed.classification), BOUNDARIES.region, DRUID)


SNAPSHOT = site("patient_snapshot")
CLAIMS, CONDITIONS = SNAPSHOT.pipeline.unloads
(LOAD,) = SNAPSHOT.pipeline.loads
QUERY = Query(
    ("billing.claims",),
    {"timestamp": (("billing.claims", "service_date"),), "patient_id": (("billing.claims", "patient_id"),)},
)
LEFT = {"rows": 30, "files": 2, "size_bytes": 99, "manifest_sha256": "a" * 64}
CHUNK = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"


def left(place: str) -> dict[str, Any]:
    return LEFT | {"manifest_uri": f"s3://drx-phi-111122223333/{place}/manifest"}


def made_of(dataset: Dataset) -> dict[str, list[tuple[str, str, str]]]:
    """The origins of each column: dataset, column, how."""
    fields = dataset.facets["columnLineage"]["fields"]
    return {
        name: [(each["name"], each["field"], each["transformations"][0]["subtype"]) for each in told["inputFields"]]
        for name, told in fields.items()
    }


def columns(dataset: Dataset) -> list[str]:
    return [each["name"] for each in dataset.facets["schema"]["fields"]]


def test_an_unload_reads_the_tables_of_its_select_and_leaves_files_of_its_columns() -> None:
    told = lineage_tasks.unload(SNAPSHOT, CLAIMS, QUERY, left("unload/claims/1"), "f" * 64)
    (table,), (files,) = told.inputs, told.outputs
    assert table.name.name.endswith(".billing.claims")
    assert columns(table) == ["service_date", "patient_id"]
    assert files.name == DatasetName("s3://drx-phi-111122223333", "unload/claims/1")
    assert made_of(files)["timestamp"] == [(table.name.name, "service_date", "TRANSFORMATION")]
    assert made_of(files)["patient_id"] == [(table.name.name, "patient_id", "IDENTITY")]
    assert files.facets["outputStatistics"] == {"rowCount": 30, "size": 99, "fileCount": 2}
    assert files.facets["version"] == {"datasetVersion": "a" * 64}
    assert files.facets["druid_reindex_files"]["kmsKeyArn"] == SNAPSHOT.boundary.kms_key_arn
    assert told.work == {"sqlFile": "unload/patient_claims.sql", "sqlSha256": "f" * 64}


def test_before_it_has_run_an_unload_tells_its_tables_alone() -> None:
    told = lineage_tasks.unload(SNAPSHOT, CLAIMS, QUERY, None)
    assert (len(told.inputs), told.outputs, told.work) == (1, (), {})


def test_a_database_outside_aws_is_told_by_its_own_name() -> None:
    database = {"host": "ehr.clinic.internal", "database": "ehr", "secret_id": "s", "ca_file": "ca.pem"}
    database["jars"] = [{"path": "j.jar", "sha256": "0" * 64}]  # type: ignore[assignment]
    phi = type(SNAPSHOT.boundary).model_validate(SNAPSHOT.boundary.model_dump() | {"databases": {"ehr": database}})
    jdbc = {"database": "ehr", "table": "records.devices", "columns": ["day", "patient_id"]}
    asked = type(CLAIMS).model_validate({"name": "devices", "jdbc": jdbc, "format": "json"})
    query = Query(("records.devices",), {"day": (("records.devices", "day"),)})
    told = lineage_tasks.unload(replace(SNAPSHOT, boundary=phi), asked, query, left("unload/devices/1"))
    assert told.inputs[0].name == DatasetName("postgres://ehr.clinic.internal:5432", "ehr.records.devices")
    assert told.inputs[0].facets["storage"] == {"storageLayer": "postgres"}


def test_tokens_are_made_of_identifiers_and_mask_them() -> None:
    source = left("unload/claims/1")["manifest_uri"]
    told = lineage_tasks.tokenise(SNAPSHOT, CLAIMS, QUERY, source, left("prepared/claims/x/files"))
    (files,), (tokens,) = told.inputs, told.outputs
    assert files.name == lineage_tasks.unload(SNAPSHOT, CLAIMS, QUERY, left("unload/claims/1")).outputs[0].name
    assert columns(files) == ["timestamp", "patient_id"]
    assert columns(tokens) == ["timestamp", "patient_token"]
    (origin,) = tokens.facets["columnLineage"]["fields"]["patient_token"]["inputFields"]
    assert origin["field"] == "patient_id"
    assert origin["transformations"] == [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}]
    assert lineage_tasks.tokenise(SNAPSHOT, CLAIMS, QUERY, "", None).inputs == ()


def test_a_rebuild_from_segments_and_files_combines_the_one_by_name_and_the_other_by_the_metrics_field() -> None:
    manifests = (left("prepared/claims/x/files")["manifest_uri"],)
    (out,) = lineage_tasks.rebuild(SNAPSHOT, Rebuilt(manifests=manifests)).outputs
    assert out.name == DatasetName(DRUID, "patient_snapshot")
    files = "prepared/claims/x/files"
    assert made_of(out)["value_sum"] == [
        ("patient_vitals", "value_sum", "AGGREGATION"),
        (files, "value", "AGGREGATION"),
    ]
    assert made_of(out)["events"] == [("patient_vitals", "events", "AGGREGATION")]
    assert made_of(out)["__time"][1] == (files, "timestamp", "TRANSFORMATION")
    assert made_of(out)["patient_token"][1] == (files, "patient_token", "IDENTITY")


def test_every_column_that_is_spoken_of_stands_in_a_schema() -> None:
    manifests = (left("prepared/claims/x/files")["manifest_uri"],)
    told = lineage_tasks.rebuild(SNAPSHOT, Rebuilt(manifests=manifests))
    known = {(each.name.name, column) for each in (*told.inputs, *told.outputs) for column in columns(each)}
    origins = {(name, column) for made in made_of(told.outputs[0]).values() for name, column, _ in made}
    assert origins <= known


def test_a_first_build_creates_and_a_rebuild_overwrites() -> None:
    ids = [f"patient_vitals_{CHUNK.replace('/', '_')}_2026-09-03T00:00:00.000Z"]
    vitals = site("patient_vitals")
    done = Rebuilt({CHUNK: ids}, {CHUNK: ids}, size_bytes=5)
    (again,) = lineage_tasks.rebuild(vitals, done).outputs
    (first,) = lineage_tasks.rebuild(vitals, replace(done, replaced=False)).outputs
    assert again.facets["lifecycleStateChange"] == {"lifecycleStateChange": "OVERWRITE"}
    assert first.facets["lifecycleStateChange"] == {"lifecycleStateChange": "CREATE"}
    assert first.facets["outputStatistics"] == {"size": 5, "fileCount": 1}
    assert "lifecycleStateChange" not in lineage_tasks.rebuild(vitals, Rebuilt({CHUNK: ids})).outputs[0].facets


def test_files_at_addresses_are_told_by_the_folder_above_the_day() -> None:
    paths = ["s3://drx-phi-111122223333/in/{day}/a.json", "s3://drx-phi-111122223333/in/{day}/b.json"]
    told = lineage_tasks.rebuild(site("patient_vitals", inputs=[{"type": "static", "paths": paths}]), None)
    assert [each.name.name for each in told.inputs] == ["in"]
    assert told.inputs[0].facets["storage"] == {"storageLayer": "s3", "fileFormat": "json"}


def test_without_a_roll_up_of_time_a_timestamp_stays_what_it_is() -> None:
    exact = site("patient_vitals", granularity={"segment": "DAY", "query": "NONE", "rollup": False})
    assert made_of(lineage_tasks.rebuild(exact, None).outputs[0])["__time"] == [
        ("patient_vitals", "__time", "IDENTITY")
    ]


def test_a_filtered_metric_is_made_of_what_it_filters() -> None:
    inner = {"type": "longSum", "name": "paid", "fieldName": "cents"}
    metric = {"type": "filtered", "name": "paid", "filter": {"type": "true"}, "aggregator": inner}
    paths = ["s3://drx-phi-111122223333/in"]
    filtered = site("patient_vitals", inputs=[{"type": "static", "paths": paths}], metrics=[metric])
    assert made_of(lineage_tasks.rebuild(filtered, None).outputs[0])["paid"] == [("in", "cents", "AGGREGATION")]
    assert lineage_tasks.columns(filtered.pipeline)["paid"] == "LONG"


def test_an_export_and_its_load_speak_of_the_same_files() -> None:
    done = left("export/snapshot")
    exported, loaded = lineage_tasks.export(SNAPSHOT, LOAD, done), lineage_tasks.load(SNAPSHOT, LOAD, done)
    assert exported.outputs[0].name == loaded.inputs[0].name
    assert made_of(exported.outputs[0])["day"] == [("patient_snapshot", "__time", "TRANSFORMATION")]
    (table,) = loaded.outputs
    assert table.name.name.endswith(".clinic.patient_snapshot")
    assert made_of(table)["day"] == [("export/snapshot", "day", "IDENTITY")]
    assert "lifecycleStateChange" not in table.facets, "a merge leaves the other rows"
    swapped = lineage_tasks.load(SNAPSHOT, LOAD.model_copy(update={"mode": "swap"}), done).outputs[0]
    assert swapped.facets["lifecycleStateChange"] == {"lifecycleStateChange": "OVERWRITE"}


def test_before_it_has_run_a_load_tells_its_table_alone() -> None:
    told = lineage_tasks.load(SNAPSHOT, LOAD, None)
    assert (told.inputs, len(told.outputs)) == ((), 1)


def test_without_a_redshift_the_boundary_is_named() -> None:
    nowhere = replace(SNAPSHOT, boundary=SNAPSHOT.boundary.model_copy(update={"redshift": None}))
    with pytest.raises(ConfigurationError, match=r"no phi\.redshift"):
        lineage_tasks.load(nowhere, LOAD, left("export/snapshot"))


def test_a_verdict_is_told_of_what_was_read_and_nothing_of_what_was_not_judged() -> None:
    totals = {"rows_after": 7, "bytes_after": 9, "segments_after": 1, "versions": ["v"], "kms_keys": ["arn"]}
    (seen,) = lineage_tasks.judge(SNAPSHOT, [Check("rows", None, 1, 0)], totals).inputs
    assert seen.facets["dataQualityMetrics"] == {"rowCount": 7, "bytes": 9, "fileCount": 1, "columnMetrics": {}}
    assert seen.facets["version"] == {"datasetVersion": "v"}
    (unjudged,) = lineage_tasks.judge(SNAPSHOT, [], {}).inputs
    assert set(unjudged.facets) == {"ownership", "tags", "storage", "schema"}


def test_what_is_taken_back_serves_the_versions_of_before() -> None:
    told = lineage_tasks.take_back(SNAPSHOT, {CHUNK: {"versions": ["2026-09-02T00:00:00.000Z"], "rows": 100}})
    (served,) = told.outputs
    assert served.facets["druid_reindex_segments"] == {
        "action": "taken back",
        "versions": ["2026-09-02T00:00:00.000Z"],
        "chunks": [{"interval": CHUNK, "versions": ["2026-09-02T00:00:00.000Z"], "rows": 100}],
    }


def test_a_purge_that_leaves_no_segment_empties() -> None:
    (left_empty,) = lineage_tasks.rebuild(site("patient_vitals"), Rebuilt(published={CHUNK: []})).outputs
    assert left_empty.facets["lifecycleStateChange"] == {"lifecycleStateChange": "TRUNCATE"}
    assert left_empty.facets["druid_reindex_segments"]["chunks"][0]["segments"] == 0


def test_a_table_has_the_name_of_the_database_that_the_unload_names() -> None:
    assert lineage_tasks.table_of(SNAPSHOT, CLAIMS, "billing.claims") == DatasetName(
        "redshift://drx.us-east-1:5439", "nights.billing.claims"
    )
