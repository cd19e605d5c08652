"""A night that leaves the rows of keys out, as it is planned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError, IntegrityError, ProtocolError
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import hadoop, purge
from druid_reindex.plan.night import Batch, Chunk, Reason
from druid_reindex.plan.purge import KeyFile, Sifted
from timelines import boundaries, pipeline, profile, segment, span, tombstone

KEYS = KeyFile("s3://drx-phi-111122223333/runs/keys/one.txt", "etag", "patient_token")
BOUNDARY = boundaries().phi
FOLDER = S3Uri("drx-phi-111122223333", "runs/x/purge/0/step")
FILES = ["s3://drx-phi-111122223333/a.gz", "s3://drx-phi-111122223333/b.gz"]
ROOT = Path(__file__).parents[3]
VITALS = {"type": "datasource", "datasource": "patient_vitals_raw"}
FIRST, SECOND = str(span("09-01/09-02")), str(span("09-02/09-03"))


def chunk(days: str, *versions: str) -> Chunk:
    segments = tuple(segment(days, version, rows=5) for version in versions or ("2026-09-04T00:00:00.000Z",))
    return Chunk(span(days), segments, (Reason.FORCED,), 1)


def batch(*chunks: Chunk) -> Batch:
    return Batch(0, chunks or (chunk("09-01/09-02"), chunk("09-02/09-03")), 1)


def job(made: Pipeline) -> dict[str, Any]:
    spec = hadoop.cli_spec(made, BOUNDARY, profile(), batch(), version="v", unique_id="u")
    return purge.from_files_alone(spec)


def test_the_step_is_told_where_the_keys_are_and_what_serves_the_batch() -> None:
    spec = purge.sift_spec(pipeline(), KEYS, batch(), boundary=BOUNDARY, folder=FOLDER)
    assert spec["keys"] == {"uri": KEYS.uri, "etag": "etag", "column": "patient_token"}
    assert spec["chunks"] == [FIRST.split("/"), SECOND.split("/")]
    assert [(each["rows"], each["within"]) for each in spec["segments"]] == [
        (5, [FIRST.split("/")]), (5, [SECOND.split("/")])
    ]  # fmt: skip
    assert spec["output"] == f"{FOLDER}/files/"
    assert (spec["counted"], spec["metrics"]) == (None, {"events": "SUM", "value_sum": "SUM"})


def test_of_a_longer_segment_only_what_it_still_serves_is_read() -> None:
    under, over = segment("09-01/09-03", "2026-09-04T00:00:00.000Z"), segment("09-02/09-03", "2026-09-05T00:00:00.000Z")
    both = Batch(0, (Chunk(span("09-01/09-03"), (under, over), (Reason.FORCED,), 1),), 1)
    spec = purge.sift_spec(pipeline(), KEYS, both, boundary=BOUNDARY, folder=FOLDER)
    assert sorted(each["within"] for each in spec["segments"]) == [[FIRST.split("/")], [SECOND.split("/")]]


def test_rolled_up_rows_are_counted_by_the_count_metric() -> None:
    rolled = pipeline(granularity={"segment": "DAY", "query": "HOUR", "rollup": True})
    assert purge.sift_spec(rolled, KEYS, batch(), boundary=BOUNDARY, folder=FOLDER)["counted"] == "events"


def test_what_is_counted_afterwards_is_written_nowhere() -> None:
    spec = purge.count_spec(pipeline(), KEYS, {FIRST: [segment("09-01/09-02", rows=None)]}, boundary=BOUNDARY)
    assert (spec["output"], spec["chunks"]) == (None, [FIRST.split("/")])
    assert [each["rows"] for each in spec["segments"]] == [None]


def test_the_job_reads_the_files_alone_and_combines_metrics_by_their_own_names() -> None:
    filtered = {"type": "filtered", "name": "tests", "filter": {"type": "true"},
                "aggregator": {"type": "count", "name": "tests"}}  # fmt: skip
    made = pipeline(metrics=[*(each.model_dump() for each in pipeline().metrics), filtered])
    spec = job(purge.combined(made, FILES))["spec"]
    assert spec["dataSchema"]["metricsSpec"] == [
        {"type": "longSum", "name": "events", "fieldName": "events"},
        {"type": "doubleSum", "name": "value_sum", "fieldName": "value_sum"},
        {"type": "longSum", "name": "tests", "fieldName": "tests"},
    ]
    segments, files = spec["ioConfig"]["inputSpec"]["children"]
    assert segments["ingestionSpec"]["filter"] == {"type": "false"}
    assert files == {"type": "static", "paths": ",".join(each.replace("s3:", "s3a:") for each in FILES)}
    assert spec["dataSchema"]["parser"]["parseSpec"]["format"] == "json"
    assert "etag" not in json.dumps(spec)


def test_the_job_that_it_is_made_of_is_left_as_it_was() -> None:
    spec = hadoop.cli_spec(purge.combined(pipeline(), FILES), BOUNDARY, profile(), batch(), version="v", unique_id="u")
    before = json.dumps(spec)
    purge.from_files_alone(spec)
    assert json.dumps(spec) == before


@pytest.mark.parametrize(
    ("fields", "column", "told"),
    [
        ({}, "patient", "no dimension of the column's name, but patient_token"),
        ({"inputs": [VITALS, {"type": "static", "paths": ["s3://drx-phi-111122223333/x"]}]},
         "patient_token", "files at addresses, of which no step keeps rows back"),
        ({"inputs": [VITALS, {"type": "static", "unload": "claims"}],
          "unloads": [{"name": "claims", "sql": "unload/patient_claims.sql", "format": "json"}]},
         "patient_token", "the unloads claims as they are, without tokens"),
        ({"mode": "shadow"}, "patient_token", "write into a shadow"),
        ({"metrics": [{"type": "thetaSketch", "name": "patients", "fieldName": "p"}]}, "patient_token",
         "the metrics patients, which JSON does not carry exactly"),
    ],
)  # fmt: skip
def test_what_would_not_be_exact_or_would_come_back_is_refused(fields: dict[str, Any], column: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        purge.refuse_inexact(pipeline(**fields), column)


@pytest.mark.parametrize("file", sorted((ROOT / "dags" / "pipelines").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_pipeline_is_accepted(file: Path) -> None:
    purge.refuse_inexact(load_pipeline(file, boundaries()), "patient_token")


def test_what_is_built_from_another_datasource_is_purged_of_its_own_segments() -> None:
    derived = pipeline(inputs=[VITALS])
    assert (derived.source, purge.of_itself(derived).source) == ("patient_vitals_raw", derived.datasource)
    made = purge.combined(derived, FILES)
    assert (made.source, made.is_derived) == (derived.datasource, False)
    assert purge.sift_spec(derived, KEYS, batch(), boundary=BOUNDARY, folder=FOLDER)["counted"] == "events"


def test_of_the_source_all_that_it_serves_is_counted_and_nothing_written() -> None:
    under, over = segment("09-01/09-03", "2026-09-04T00:00:00.000Z"), segment("09-02/09-03", "2026-09-05T00:00:00.000Z")
    beneath = segment("09-02/09-03", "2026-09-03T00:00:00.000Z")
    gone = tombstone("09-05/09-06", "2026-09-05T00:00:00.000Z")
    spec = purge.source_spec(pipeline(), KEYS, [under, over, beneath, gone], boundary=BOUNDARY)
    assert spec["chunks"] == [FIRST.split("/"), SECOND.split("/")]
    assert sorted(each["within"] for each in spec["segments"]) == [[FIRST.split("/")], [SECOND.split("/")]]
    assert (spec["output"], spec["counted"], spec["metrics"]) == (None, None, {})


def test_a_source_with_rows_of_the_keys_is_to_be_purged_first() -> None:
    purge.refuse_in_source("patient_vitals", {FIRST: Sifted(3, 0, {})})
    with pytest.raises(ConfigurationError, match=r"3 rows of the keys.*purge patient_vitals by the same file first"):
        purge.refuse_in_source("patient_vitals", {FIRST: Sifted(3, 1, {}), SECOND: Sifted(0, 2, {})})


def test_a_result_of_another_script_is_no_proof() -> None:
    assert purge.sifted({"keys": 2, "chunks": {FIRST: {"without": 3, "with": 1, "metrics": {"events": 3}}}}) == (
        2, {FIRST: Sifted(3, 1, {"events": 3})}
    )  # fmt: skip
    with pytest.raises(ProtocolError, match="no keys"):
        purge.sifted({"rows": 4, "files": 1})


def test_rows_before_are_those_with_and_without_keys() -> None:
    purge.refuse_uncounted("d", {FIRST: 4}, {FIRST: Sifted(3, 1, {})})
    with pytest.raises(IntegrityError, match="1 with keys and 3 without, of 5 rows"):
        purge.refuse_uncounted("d", {FIRST: 5}, {FIRST: Sifted(3, 1, {})})


@pytest.mark.parametrize("found", [Sifted(3, 1, {}), Sifted(2, 0, {}), Sifted(4, 0, {})])
def test_a_row_of_the_keys_or_another_number_of_the_others_is_told(found: Sifted) -> None:
    wanted = {FIRST: Sifted(3, 2, {})}
    purge.refuse_left("d", wanted, {FIRST: Sifted(3, 0, {})})
    with pytest.raises(IntegrityError, match="where the old segments had 3 of these"):
        purge.refuse_left("d", wanted, {FIRST: found})


def test_chunks_of_which_nothing_is_left_are_not_in_the_job() -> None:
    near, far = segment("09-01/09-02", "2026-08-01T00:00:00.000Z"), segment("09-02/09-03", "2026-08-01T00:00:00.000Z")
    whole = replace(batch(), bystanders=(near, far))
    left, emptied = purge.without_emptied(whole, {FIRST: Sifted(3, 2, {}), SECOND: Sifted(0, 2, {})})
    assert [str(each) for each in left.intervals] == [FIRST]
    assert left.bystanders == (near,)
    assert [str(each.interval) for each in emptied] == [SECOND]


def test_an_emptied_chunk_loses_what_was_planned_and_what_lies_beneath_but_not_what_was_added() -> None:
    planned = chunk("09-01/09-02")
    beneath = segment("09-01/09-02", "2026-08-01T00:00:00.000Z")
    longer = segment("09-01/09-03", "2026-08-01T00:00:00.000Z", 1)
    added = segment("09-01/09-02", "2026-09-04T00:00:00.000Z", 1)
    used = [*planned.segments, beneath, longer, added]
    assert purge.emptied_ids([planned], used) == [planned.segments[0].segment_id, beneath.segment_id]
    purge.refuse_served("d", [planned], [])
    with pytest.raises(IntegrityError, match="they serve"):
        purge.refuse_served("d", [planned], [added])


def test_nothing_but_address_and_etag_is_told_of_the_keys() -> None:
    assert set(KEYS.to_json()) == {"uri", "etag", "column"}
