"""What is gathered of a night: each part told, absent with a reason, or unread, and none missing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from documents import ROOT
from druid_reindex.clients.night_evidence import NightEvidence, Told
from druid_reindex.errors import UnavailableError
from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Kind, Part, State
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.cluster import StoredConfiguration
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import RunId, canonical, digest
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import document, names
from druid_reindex.plan.export import place_of
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason
from twins import EPOCH, FakeDruid, FakeEmr, FakeStore, segment

CONFIGS = ROOT / "emr_configs"
BOUNDARIES = load_boundaries(CONFIGS)
PIPELINE: Pipeline = load_pipeline(ROOT / "dags" / "pipelines" / "patient_vitals.yaml", BOUNDARIES)
PHI: Boundary = BOUNDARIES.phi
RUN = RunId.of(BOUNDARIES.deployment_id, dag_id="nightly", run_id="manual__1")
DAY = "2026-09-01/2026-09-02"
OLD, NEW = (segment(DAY, version=version, datasource="patient_vitals") for version in ("v1", "v2"))
PLAN = NightPlan(
    "patient_vitals", 1, (Batch(0, (Chunk(Interval.parse(DAY), (OLD,), (Reason.FORCED,), 1),), 1),), "one chunk"
)
ASKED = parts.Asked("manual", "ada", "a late file", None, None, None)


class Night:
    """A night in memory that has rebuilt and judged its one batch."""

    def __init__(self) -> None:
        self.store, self.druid, self.emr = FakeStore(), FakeDruid([OLD, NEW]), FakeEmr()
        self.put(names.plan_uri(PHI, RUN), document.to_json(PLAN))
        self.told = Told(
            ASKED, [parts.Task("plan", "success")],
            {"clusters": ["j-1"], "state": "TERMINATED", "reason": "", "normalized_instance_hours": 8},
            digest(document.to_json(PLAN)), [0], "drx-1", "BAA-1",
        )  # fmt: skip
        self.emr.configurations["drx-1"] = StoredConfiguration("drx-1", "{}", EPOCH)
        self.leave(names.result_uri, before={DAY: [OLD.segment_id]}, after={DAY: [NEW.segment_id]})
        self.leave(names.verdict_uri, verdict="passed")
        self.leave(names.expectations_uri, results=["a value"])
        for uri in (names.posture_uri(PHI, RUN), names.attestation_uri(PHI, RUN)):
            self.put(uri, canonical({"findings": []}))
        self.put(place_of(NEW), b"segment")

    def put(self, uri: S3Uri, body: bytes) -> None:
        self.store.put(uri, body, kms_key_arn=PHI.kms_key_arn)

    def leave(self, place: Any, **record: Any) -> None:
        self.put(place(PHI, RUN, 0), canonical(record))

    def gathered(self) -> dict[Kind, Part]:
        evidence = NightEvidence(RUN, PIPELINE, PHI, self.told, self.store, lambda: self.druid, lambda: self.emr)
        return {part.kind: part for part in evidence.gather()}


def test_every_part_is_gathered_but_the_packs_own() -> None:
    found = Night().gathered()
    assert set(Kind) - set(found) == {Kind.RUN, Kind.SIGNER}
    states = {kind: part.state for kind, part in found.items() if part.state is not State.TOLD}
    later = dict.fromkeys((Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS, Kind.WITNESSES), State.PENDING)
    assert states == {Kind.ROLLBACK: State.ABSENT, **later}


def test_which_data_moved_from_which_version_to_which_under_which_key() -> None:
    found = Night().gathered()
    (batch,) = found[Kind.SEGMENTS].body["batches"]
    assert (batch["before"], batch["after"]) == ([OLD.segment_id], [NEW.segment_id])
    assert batch["stored"]["document"] is None
    (stored,) = found[Kind.OBJECTS].body["objects"]
    assert stored == {"uri": str(place_of(NEW)), "etag": stored["etag"], "kms_key": PHI.kms_key_arn}
    assert stored["etag"]
    assert found[Kind.OBJECTS].body["gone"] == []


def test_what_was_asked_judged_and_by_which_code() -> None:
    night = Night()
    found = night.gathered()
    assert found[Kind.ASKED].body["by"] == "ada"
    assert found[Kind.PLAN].body["stored"]["sha256"] == night.told.plan_sha256
    assert found[Kind.POSTURE].body["stored"]["document"] == {"findings": []}
    assert found[Kind.SECURITY_CONFIGURATION].body == {"name": "drx-1", "text": "{}"}
    assert found[Kind.QUALITY].body["verdicts"][0]["document"] == {"verdict": "passed"}
    assert found[Kind.CLUSTER].body["clusters"] == ("j-1",)
    assert found[Kind.CODE].body["pipeline_sha256"] == digest(canonical(PIPELINE.model_dump(mode="json")))


def test_what_great_expectations_saw_is_there_by_its_digest_alone() -> None:
    quality = Night().gathered()[Kind.QUALITY].body
    assert quality["expectations"][0]["document"] is None
    assert "a value" not in json.dumps(quality)


def test_what_was_taken_back_is_told_and_its_objects_are_gone() -> None:
    night = Night()
    night.leave(names.rollback_uri, chunks=[DAY])
    night.druid.segments = [OLD]
    found = night.gathered()
    assert found[Kind.ROLLBACK].body["records"][0]["document"] == {"chunks": [DAY]}
    assert found[Kind.OBJECTS].body == {"objects": (), "gone": [NEW.segment_id]}


def test_a_night_without_a_plan_has_reasons_and_nothing_unread() -> None:
    night = Night()
    night.store = FakeStore()
    night.told = replace(
        night.told, plan_sha256=None, batches=(), cluster={}, security_configuration=None, agreement=None
    )
    found = night.gathered()
    assert {kind for kind, part in found.items() if part.state is State.UNREAD} == set()
    absent = {kind for kind, part in found.items() if part.state is State.ABSENT}
    assert absent == {
        Kind.PLAN, Kind.POSTURE, Kind.ATTESTATION, Kind.SECURITY_CONFIGURATION, Kind.CLUSTER, Kind.SEGMENTS,
        Kind.OBJECTS, Kind.QUALITY, Kind.ROLLBACK, Kind.AGREEMENT,
    }  # fmt: skip


def test_a_plan_of_other_bytes_is_unread_and_hides_no_other_part() -> None:
    night = Night()
    night.put(names.plan_uri(PHI, RUN), document.to_json(replace(PLAN, explanation="another")))
    found = night.gathered()
    unread = {kind for kind, part in found.items() if part.state is State.UNREAD}
    assert unread == {Kind.PLAN, Kind.SEGMENTS, Kind.OBJECTS, Kind.QUALITY, Kind.ROLLBACK}
    assert "where" in found[Kind.PLAN].body["why"]
    assert found[Kind.POSTURE].state is State.TOLD


def test_a_record_in_an_unknown_form_is_unread_and_its_text_is_not_told() -> None:
    night = Night()
    night.put(names.posture_uri(PHI, RUN), b"patient 4711")
    part = night.gathered()[Kind.POSTURE]
    assert part.state is State.UNREAD
    assert "4711" not in json.dumps(part.body)


@pytest.mark.parametrize(("who", "kinds"), [
    ("druid", {Kind.OBJECTS}),
    ("emr", {Kind.SECURITY_CONFIGURATION}),
])  # fmt: skip
def test_who_does_not_answer_leaves_its_parts_unread(who: str, kinds: set[Kind]) -> None:
    night = Night()

    def away() -> Any:
        raise UnavailableError("ask", resource=who, came_back="HTTP 503", remedy="wait")

    evidence = NightEvidence(
        RUN, PIPELINE, PHI, night.told, night.store,
        away if who == "druid" else lambda: night.druid, away if who == "emr" else lambda: night.emr,
    )  # fmt: skip
    found = evidence.gather()
    assert {part.kind for part in found if part.state is State.UNREAD} == kinds


def test_a_security_configuration_that_is_gone_is_unread() -> None:
    night = Night()
    night.emr.configurations.clear()
    assert night.gathered()[Kind.SECURITY_CONFIGURATION].state is State.UNREAD


def test_a_second_look_tells_the_same() -> None:
    night = Night()
    assert night.gathered() == night.gathered()
