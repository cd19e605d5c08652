"""The facets: nothing is told twice, nothing grows without end, and a schema that is out is never changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from druid_reindex.evidence import lineage_facets as facets
from druid_reindex.evidence.lineage import DatasetName
from druid_reindex.evidence.lineage_facets import Check, Origin
from druid_reindex.model.identity import canonical, digest

FILES = sorted(facets.SCHEMAS.glob("*.json"))
# A schema that is out is never changed: another one has another VERSION, and its own line here.
RELEASED = {
    "urn:druid-reindex:facets:1-0-0:DruidReindexCloudTrailFindingsRunFacet": (
        "58c954d2f3407070319201cff4867df01f85303d3688b342bc5e87543468099b"
    ),
    "urn:druid-reindex:facets:1-0-0:DruidReindexDisposalDatasetFacet": (
        "8a16e23c8298ee3931cb1f91297e985bd8d6385d579ae88b2fba21844fe6d952"
    ),
    "urn:druid-reindex:facets:1-0-0:DruidReindexFilesDatasetFacet": (
        "f6436f44b05f26c59e30684fbee0393f370c3dffb6f7e761ed78ad67364b99c6"
    ),
    "urn:druid-reindex:facets:1-0-0:DruidReindexNightRunFacet": (
        "a41aacc97969ab9be479d51094c83a494b87a0e20a244e0146e83e68b6fd7f8a"
    ),
    "urn:druid-reindex:facets:1-0-0:DruidReindexSegmentsDatasetFacet": (
        "961f3a591a328fab9f9892791a0e6ba18c8b6d9bceafcce9c1b0287119c73ad3"
    ),
}
CHUNK = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"


def segment_ids(number: int, datasource: str = "patient_vitals") -> list[str]:
    head = f"{datasource}_{CHUNK.replace('/', '_')}_2026-09-03T00:00:00.000Z"
    return [head, *(f"{head}_{i}" for i in range(1, number))]


def test_a_released_schema_stays_as_it_is() -> None:
    found = {json.loads(file.read_text())["$id"]: digest(file.read_bytes()) for file in FILES}
    assert found == RELEASED


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_schema_is_one_and_is_named_as_its_facet_says(file: Path) -> None:
    document = json.loads(file.read_text())
    Draft202012Validator.check_schema(document)
    name = file.stem
    assert f"{document['$id']}#/$defs/{name}" == facets.schema_url(name)
    (key,) = document["properties"]
    assert key in {facets.NIGHT, facets.SEGMENTS, facets.FILES, facets.FINDINGS, facets.DISPOSAL}
    for told in document["$defs"][name]["allOf"][1]["properties"].values():
        assert told["description"].endswith(".")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_field_stands_in_the_document(file: Path) -> None:
    document, text = json.loads(file.read_text()), (Path(__file__).parents[3] / "docs/lineage.md").read_text()
    part = document["$defs"][file.stem]["allOf"][1]["properties"]
    lists = (told["items"] for told in part.values() if told["type"] == "array")
    inner = [name for items in lists for name in items.get("properties", ())]
    assert [name for name in (*document["properties"], *part, *inner) if f"`{name}`" not in text] == []


def test_columns_of_which_nothing_is_known_are_left_out() -> None:
    assert facets.schema({}) == facets.column_lineage({}) == facets.column_lineage({"a": ()}) == {}
    assert facets.schema({"a": "LONG", "b": ""})["schema"]["fields"] == [{"name": "a", "type": "LONG"}, {"name": "b"}]


def test_a_token_hides_what_it_is_made_of() -> None:
    origin = Origin(DatasetName("s3://b", "k"), "patient_id", "TRANSFORMATION", masking=True)
    (field,) = facets.column_lineage({"patient_token": [origin]})["columnLineage"]["fields"]["patient_token"][
        "inputFields"
    ]
    assert field == {
        "namespace": "s3://b", "name": "k", "field": "patient_id",
        "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}],
    }  # fmt: skip


def test_segments_are_told_by_chunk_with_a_digest_of_all_of_them() -> None:
    ids = segment_ids(3)
    told = facets.segments("read", {CHUNK: ids}, "patient_vitals")[facets.SEGMENTS]
    assert told["versions"] == ["2026-09-03T00:00:00.000Z"]
    assert told["chunks"] == [
        {"interval": CHUNK, "versions": told["versions"], "segments": 3, "sha256": digest(canonical(ids)), "ids": ids}
    ]
    assert told["idsLeftOut"] == 0


def test_what_is_gone_is_told_by_its_versions_and_one_digest() -> None:
    ids = segment_ids(3)
    told = facets.disposed(ids[::-1], "patient_vitals", object_versions=4, record_uri="s3://b/r.json")[facets.DISPOSAL]
    assert told == {
        "versions": ["2026-09-03T00:00:00.000Z"], "segments": 3, "sha256": digest(canonical(ids)), "objectVersions": 4,
        "recordUri": "s3://b/r.json",
    }  # fmt: skip


def test_of_very_many_segments_the_first_are_told_and_the_digest_stands_for_the_others() -> None:
    ids = segment_ids(facets.MOST_IDS - 50)
    told = facets.segments("read", {f"{n}": ids for n in range(3)}, "patient_vitals")[facets.SEGMENTS]
    assert [len(chunk["ids"]) for chunk in told["chunks"]] == [150, 50, 0]
    assert told["idsLeftOut"] == 3 * 150 - 200
    assert len({chunk["sha256"] for chunk in told["chunks"]}) == 1


@pytest.mark.parametrize("datasource", ["claims", "patient_vitals", "a_b-c__shadow"])
def test_the_version_is_read_whatever_the_datasource_is_called(datasource: str) -> None:
    told = facets.segments("read", {CHUNK: segment_ids(12, datasource)}, datasource)[facets.SEGMENTS]
    assert told["versions"] == ["2026-09-03T00:00:00.000Z"]


def test_a_check_tells_whether_it_held_and_no_number_of_a_row() -> None:
    checks = [Check("rows", None, 3, 0), Check("sum", "value_sum", 3, 1)]
    assert facets.assertions(checks)["dataQualityAssertions"]["assertions"] == [
        {"assertion": "rows", "success": True, "severity": "error", "params": {"made": 3, "failed": 0}},
        {"assertion": "sum", "success": False, "severity": "error", "column": "value_sum",
         "params": {"made": 3, "failed": 1}},
    ]  # fmt: skip
    assert facets.assertions([]) == {}


def test_what_is_not_known_is_not_told() -> None:
    assert facets.written() == facets.version([]) == facets.version(["1", "2"]) == {}
    assert facets.written(rows=0) == {"outputStatistics": {"rowCount": 0}}
    assert facets.version(["1"]) == {"version": {"datasetVersion": "1"}}
    assert facets.night(runId=None, datasource="d") == {facets.NIGHT: {"datasource": "d"}}
