"""Lineage in OpenLineage's classes: by the specification, whole after Airflow's redaction; sent where it is named."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.providers.openlineage.utils.utils import OpenLineageRedactor
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

import packs
from druid_reindex.clients import openlineage
from druid_reindex.evidence import lineage_facets as facets
from druid_reindex.evidence.lineage import Dataset, DatasetName, Facets, RunName
from druid_reindex.evidence.lineage_facets import Check, Origin
from druid_reindex.evidence.lineage_trail import Supplement, TrailRun, trail_run
from lineage_graph import broken_runs, parent
from openlineage_spec import problems
from told_nights import FOREIGN, confirmed

NAME = DatasetName("druid://h:1", "patient_vitals")
CHUNK = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
IDS = {CHUNK: [f"d_{CHUNK.replace('/', '_')}_v"]}
EVERY: Facets = {
    **facets.schema({"patient_token": "STRING"}),
    **facets.column_lineage({"patient_token": [Origin(NAME, "patient_id", "TRANSFORMATION", masking=True)]}),
    **facets.standing("clinical-data", "phi", "s3", "json"),
    **facets.changed(facets.CREATE),
    **facets.version(["1"]),
    **facets.segments("rebuilt", IDS, "d"),
    **facets.disposed(IDS[CHUNK], "d", object_versions=2, record_uri="s3://b/disposals/d/r.json"),
    **facets.files(manifest_uri="s3://b/m", manifest_sha256="a" * 64, kms_key_arn="arn:aws:kms:us-east-1:1:key/k"),
}
INPUT = {**EVERY, **facets.assertions([Check("rows", "a", 1, 0)]), **facets.amount(rows=1, size_bytes=2, files=3)}
OUTPUT = {**EVERY, **facets.written(rows=1, size_bytes=2, files=3)}
NIGHT = facets.night(
    runId="63277489-6713-5aed-a80c-5b701e3a7353", datasource="d", classification="phi", submit="overlord", dryRun=False,
    planUri="s3://b/plan.json", planSha256="a" * 64, fence=1, batch=0, work={"task_id": "drx_1"},
    sqlFile="unload/a.sql", sqlSha256="b" * 64, keyVersionId="1",
)  # fmt: skip


def event() -> dict[str, object]:
    """An event with every facet, as Airflow's provider sends it."""
    made = RunEvent(
        eventTime="2026-11-22T05:00:00+00:00",
        producer="https://example.org/p",
        eventType=RunState.COMPLETE,
        run=Run("63277489-6713-5aed-a80c-5b701e3a7353", openlineage.run_facets(NIGHT)),
        job=Job("n", "j"),
        inputs=openlineage.inputs([Dataset(NAME, INPUT)]),
        outputs=openlineage.outputs([Dataset(NAME, OUTPUT)]),
    )
    redacted = OpenLineageRedactor().redact(made, max_depth=20)
    return dict(json.loads(Serde.to_json(redacted)))


def test_every_facet_is_one_by_its_schema() -> None:
    assert problems(event()) == []


def test_what_is_told_arrives_whole() -> None:
    sent = json.loads(json.dumps(event()))
    assert "***" not in json.dumps(sent)
    assert "non-serializable" not in json.dumps(sent)
    night = sent["run"]["facets"][facets.NIGHT]
    assert {key: night[key] for key in NIGHT[facets.NIGHT]} == NIGHT[facets.NIGHT]
    for side, told in (("inputs", INPUT), ("outputs", OUTPUT)):
        (dataset,) = sent[side]
        found = {**dataset["facets"], **dataset.get("inputFacets", {}), **dataset.get("outputFacets", {})}
        assert found.keys() == told.keys()
        for key in (facets.SEGMENTS, facets.FILES, facets.DISPOSAL):
            assert {name: found[key][name] for name in told[key]} == told[key]


def test_what_is_told_of_an_input_or_output_alone_stands_apart() -> None:
    (read,), (written,) = openlineage.inputs([Dataset(NAME, INPUT)]), openlineage.outputs([Dataset(NAME, OUTPUT)])
    assert set(read.inputFacets or {}) == {"dataQualityAssertions", "dataQualityMetrics"}
    assert set(written.outputFacets or {}) == {"outputStatistics"}
    assert set(read.facets or {}) == set(written.facets or {}) == set(EVERY)


def test_a_facet_names_us_and_its_own_schema() -> None:
    facet = openlineage.run_facets(NIGHT)[facets.NIGHT]
    assert facet._producer == openlineage.PRODUCER
    assert facet._schemaURL == facets.schema_url("DruidReindexNightRunFacet")


BEGAN, ENDED = datetime(2026, 11, 22, 5, 7, tzinfo=UTC), datetime(2026, 11, 22, 5, 8, tzinfo=UTC)
PARENT = RunName("clinic", "nightly", "01a0f4c2-0000-7000-8000-000000000001", "druid://h:9088")


def looked(*, has_failed: bool = True) -> TrailRun:
    parts = confirmed(*([FOREIGN] if has_failed else [])).values()
    made = Supplement("s3://b/packs/0001.jsonl", "ab" * 32, 1, tuple(parts), has_failed, is_awaited=False)
    found = trail_run(replace(packs.A_RUN, lineage=PARENT), made)
    assert found is not None
    return found


def sent(has_failed: bool) -> list[dict[str, object]]:
    events = openlineage.trail_events(looked(has_failed=has_failed), BEGAN, ENDED)
    return [json.loads(Serde.to_json(OpenLineageRedactor().redact(each, max_depth=20))) for each in events]


@pytest.mark.parametrize("has_failed", [True, False])
def test_a_look_at_cloudtrail_is_a_run_below_the_night_by_the_specification(has_failed: bool) -> None:
    events = sent(has_failed)
    assert [each["eventType"] for each in events] == ["START", "FAIL" if has_failed else "COMPLETE"]
    assert [found for each in events for found in problems(each)] == []
    assert {parent(each) for each in events} == {PARENT.run}
    assert broken_runs(events) == [f"nightly.cloudtrail {events[0]['run']['runId']}: parents {{{PARENT.run!r}}}"]  # type: ignore[index]
    assert "***" not in json.dumps(events)


def test_events_are_sent_by_the_transport_that_the_environment_names_and_printed_by_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.jsonl"
    events = openlineage.trail_events(looked(), BEGAN, ENDED)
    assert not openlineage.send(events, {"OPENLINEAGE_URL": ""})
    transport = {"OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(file), "append": True})}
    for name, value in transport.items():
        monkeypatch.setenv(name, value)
    assert openlineage.send(events, transport)
    assert [json.loads(line)["eventType"] for line in file.read_text().splitlines()] == ["START", "FAIL"]
    assert not capsys.readouterr().out
