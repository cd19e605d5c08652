"""What the objects of a night's data hold, gathered from its own records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from documents import ROOT
from druid_reindex.clients.holdings import NOT_IN_FILES, HeldByNight
from druid_reindex.errors import UnavailableError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.holding import Holding
from druid_reindex.model.identity import RunId, canonical, digest
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.export import place_of
from druid_reindex.plan.night import Batch, Chunk, Reason
from druid_reindex.quality.holdings import SKETCH, UNREAD
from twins import FakeStore, segment

BOUNDARIES = load_boundaries(ROOT / "emr_configs")
PHI: Boundary = BOUNDARIES.phi
SNAPSHOT: Pipeline = load_pipeline(ROOT / "dags" / "pipelines" / "patient_snapshot.yaml", BOUNDARIES)
RUN = RunId.of(BOUNDARIES.deployment_id, dag_id="nightly", run_id="manual__1")
PLAN = "ab" * 32
DAY = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
OLD, NEW = (segment(DAY, version=v, datasource="patient_snapshot", rows=n) for v, n in (("v1", 90), ("v2", 100)))
BATCH = Batch(0, (Chunk(Interval.parse(DAY), (OLD,), (Reason.FORCED,), 1),), 1)
MADE = Holding(str(place_of(NEW)), DAY, 100, 12, SKETCH)


class Night:
    """The records of a night that has rebuilt one batch and moved tables."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.leave(names.before_uri(PHI, RUN, 0), shape={DAY: {"distinct": {"patient_token": 11}}})
        self.leave(names.holdings_uri(PHI, RUN, 0), holdings=[MADE.to_record()])

    def leave(self, uri: S3Uri, **record: Any) -> None:
        self.store.put(uri, canonical({"plan_sha256": PLAN} | record), kms_key_arn=PHI.kms_key_arn)

    def move(self, prefix: S3Uri, rows: int = 7) -> S3Uri:
        """The one file of a manifest below ``prefix``, whose record is there too."""
        file, manifest = prefix / "1/part_00", prefix / "1/manifest"
        entry = {"url": str(file), "meta": {"content_length": 10, "record_count": rows}}
        body = canonical({"entries": [entry], "meta": {"record_count": rows}})
        self.store.put(manifest, body, kms_key_arn=PHI.kms_key_arn)
        self.leave(prefix / "result.json", manifest_uri=str(manifest), manifest_sha256=digest(body))
        return file

    def held(self, plan_sha256: str = PLAN) -> tuple[dict[str, Holding], list[str]]:
        held = HeldByNight(RUN, SNAPSHOT, PHI, self.store, plan_sha256)
        return {each.uri: each for each in held.of([BATCH])}, held.uncounted


def test_segments_of_before_and_after_have_their_rows_and_patients() -> None:
    found, uncounted = Night().held()
    before = Holding(str(place_of(OLD)), DAY, 90, 11, SKETCH)
    assert found == {before.uri: before, MADE.uri: MADE}
    assert uncounted == []


@pytest.mark.parametrize(
    "prefix",
    [
        names.unload_prefix(PHI, RUN, "claims"), names.prepared_prefix(PHI, RUN, "conditions"),
        names.export_prefix(PHI, RUN, "snapshot"),
    ],
)  # fmt: skip
def test_files_that_were_moved_have_the_rows_of_their_manifest(prefix: S3Uri) -> None:
    night = Night()
    file = night.move(prefix)
    assert night.held()[0][str(file)] == Holding(str(file), rows=7, how=NOT_IN_FILES)


def test_a_manifest_that_was_changed_counts_nothing_and_hides_nothing_else() -> None:
    night = Night()
    file = night.move(names.unload_prefix(PHI, RUN, "claims"))
    manifest = S3Uri(file.bucket, file.key.replace("part_00", "manifest"))
    told = json.loads(night.store.get(manifest))
    told["entries"][0]["meta"]["record_count"] = told["meta"]["record_count"] = 1
    night.store.put(manifest, canonical(told), kms_key_arn=PHI.kms_key_arn)
    found, (why,) = night.held()
    assert str(file) not in found
    assert MADE.uri in found
    assert "where" in why
    assert str(manifest) in why


def test_records_of_the_plan_before_count_nothing() -> None:
    found, _ = Night().held(plan_sha256="cd" * 32)
    assert {(each.rows, each.patients, each.how) for each in found.values()} == {(90, None, UNREAD)}


@pytest.mark.parametrize(
    "wrong", [{"holdings": [{"uri": "x"}]}, {"holdings": [MADE.to_record() | {"rows": "patient 4711"}]}]
)
def test_counts_in_another_form_are_told_as_such_and_not_shown(wrong: dict[str, Any]) -> None:
    night = Night()
    night.leave(names.holdings_uri(PHI, RUN, 0), **wrong)
    found, (why,) = night.held()
    assert MADE.uri not in found
    assert "holdings.json" in why
    assert "4711" not in why


def test_a_store_that_does_not_answer_is_told() -> None:
    night = Night()

    def away(uri: S3Uri) -> None:
        raise UnavailableError("read an object", resource=str(uri), came_back="HTTP 503", remedy="wait")

    night.store.get_with_etag = away  # type: ignore[assignment, method-assign]
    found, uncounted = night.held()
    assert found == {}
    assert all("HTTP 503" in each for each in uncounted)


def test_a_tombstone_has_no_object() -> None:
    night = Night()
    night.leave(names.holdings_uri(PHI, RUN, 0), holdings=[])
    gone = replace(OLD, shard_spec_type="tombstone")
    batch = Batch(0, (Chunk(Interval.parse(DAY), (gone,), (Reason.FORCED,), 1),), 1)
    assert HeldByNight(RUN, SNAPSHOT, PHI, night.store, PLAN).of([batch]) == ()
