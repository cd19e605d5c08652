"""`evidence`: the pack of a good night, of a failed one, and of one in which it fails itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.evidence.verify import Files, Verified, verify_all
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import TerminateEmrClusterOperator
from druid_reindex.operators.evidence import KeepEvidenceOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.operators.verdict import NightVerdictOperator
from gated_night import run_of
from night_world import SETTINGS, World, make, reindexed

KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"
PLACE = EvidencePlace(uri="s3://drx-evidence-111122223333/phi", kms_key_arn=KEY, signing_key_arn=KEY)


def with_evidence(place: EvidencePlace | None = PLACE) -> NightSettings:
    boundary = SETTINGS.boundary.model_copy(update={"evidence": place})
    boundaries = SETTINGS.boundaries.model_copy(update={"phi": boundary})
    return replace(SETTINGS, boundaries=boundaries)


def kept(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(KeepEvidenceOperator, "evidence", settings=with_evidence()))
    return told


def part(world: World, told: dict[str, Any], kind: str) -> dict[str, Any]:
    lines = world.locked.get(S3Uri.parse(told["pack"])).splitlines()
    found: dict[str, Any] = next(each for each in map(json.loads, lines) if each["kind"] == kind)
    return found


def folder(world: World) -> S3Uri:
    return S3Uri("drx-evidence-111122223333", f"phi/packs/patient_vitals/{run_of(world)}")


def test_a_good_night_leaves_a_pack_that_verifies(world: World) -> None:
    reindexed(world)
    world.run(make(ValidateSegmentsOperator, "validate"))
    world.run(make(TerminateEmrClusterOperator, "cluster_down"))
    world.states = {"plan": "success", "reindex_0": "success", "evidence": "running", "verdict": "None"}
    told = kept(world)
    assert told["pack"] == str(folder(world) / "0000.jsonl")
    assert (told["sequence"], told["unread"]) == (0, [])
    assert told["findings"] == {"red": 0, "amber": 4, "green": 0}
    assert told["pending"] == ["journal", "matches", "findings", "witnesses"]
    assert told["fingerprint"] == world.signer.public_key().fingerprint
    found = Files(0, world.locked.get(folder(world) / "0000.jsonl"), world.locked.get(folder(world) / "0000.dsse.json"))
    (said,) = verify_all([found], [world.signer.public_key()])
    assert isinstance(said, Verified)
    assert said.sha256 == told["sha256"]
    assert part(world, told, "asked")["body"]["by"] == "ada"
    assert part(world, told, "run")["body"]["dag_run_id"] == "manual__1"
    assert part(world, told, "segments")["body"]["batches"][0]["number"] == 0
    assert part(world, told, "quality")["state"] == "told"
    tasks = part(world, told, "tasks")["body"]["tasks"]
    assert tasks == [{"state": "success", "task_id": "plan"}, {"state": "success", "task_id": "reindex_0"}]


def test_another_try_finds_the_pack_and_a_cleared_night_leaves_a_supplement(world: World) -> None:
    reindexed(world)
    world.states = {"plan": "success", "reindex_0": "failed"}
    first = kept(world)
    assert kept(world) == first
    world.states = {"plan": "success", "reindex_0": "success"}
    second = kept(world)
    assert (second["sequence"], second["pack"]) == (1, str(folder(world) / "0001.jsonl"))


def test_a_night_that_failed_before_its_plan_leaves_one_too(world: World) -> None:
    world.states = {"posture": "failed", "plan": "upstream_failed"}
    told = kept(world)
    assert part(world, told, "plan")["state"] == "absent"
    assert part(world, told, "tasks")["body"]["tasks"][1] == {"state": "failed", "task_id": "posture"}


def test_who_approved_is_told(world: World) -> None:
    world.asked_by = None
    world.xcoms["approve", "return_value"] = {"asked": True, "approved_by": "grace"}
    told = kept(world)
    asked = part(world, told, "asked")["body"]
    assert (asked["by"], asked["approved_by"], asked["reason"]) == (None, "grace", "a test")


def test_evidence_that_was_changed_fails_the_task_and_the_night_names_it_last(world: World) -> None:
    reindexed(world)
    kept(world)
    uri = folder(world) / "0000.jsonl"
    world.locked.put(uri, world.locked.get(uri).replace(b'"ada"', b'"bob"'), kms_key_arn=KEY)
    with pytest.raises(AirflowFailException, match=r"line 2 \(asked\), field body.by"):
        kept(world)
    world.states = {"plan": "success", "reindex_0": "failed", "evidence": "failed"}
    with pytest.raises(AirflowFailException, match="these tasks failed: reindex_0, evidence"):
        world.run(make(NightVerdictOperator, "verdict"))


def test_a_store_without_locks_is_refused(world: World) -> None:
    world.locked.weakens = True
    with pytest.raises(AirflowFailException, match="keep evidence"):
        kept(world)


def test_without_a_place_it_says_which_field_is_missing(world: World) -> None:
    with pytest.raises(AirflowFailException, match=r"boundaries.yaml, phi.evidence"):
        world.run(make(KeepEvidenceOperator, "evidence", settings=with_evidence(None)))
