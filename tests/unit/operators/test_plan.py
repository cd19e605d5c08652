"""Tests of the task `plan`."""

from __future__ import annotations

import hashlib

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import built, document, names
from druid_reindex.plan.definition import definition_of
from night_world import NEW_VERSION, SETTINGS, World, make, rebuilt


def test_the_plan_is_stored_and_its_digest_told(world: World) -> None:
    assert world.plan() == [0]
    night = world.xcoms["plan", "night"]
    body = world.store.get(S3Uri.parse(night["plan_uri"]))
    assert night["plan_sha256"] == hashlib.sha256(body).hexdigest()
    assert (night["chunks"], night["segments_before"], night["rows_before"]) == (1, 10, 100)
    assert document.from_json(body).batches[0].number == 0
    assert world.store.kms_keys([S3Uri.parse(night["plan_uri"])]) == {
        S3Uri.parse(night["plan_uri"]): SETTINGS.boundary.kms_key_arn
    }


def test_nothing_to_do_says_why(world: World) -> None:
    world.druid.segments = [rebuilt()]
    assert world.plan() == []
    assert "nothing to do" in world.xcoms["plan", "night"]["explanation"]


def test_a_druid_without_hadoop_ingestion_is_refused_before_anything(world: World) -> None:
    world.druid.version = "37.0.0"
    with pytest.raises(AirflowFailException, match="no Hadoop ingestion"):
        world.plan()
    assert ("plan", "night") not in world.xcoms


def test_what_a_night_rebuilt_is_known_to_the_next_one(world: World) -> None:
    """Full, unchanged, one day late, unchanged: as the ledger and the timeline tell."""
    world.plan()
    assert world.xcoms["plan", "night"]["reasons"] == {"fragmented": 1}
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    ledger = names.built_uri(SETTINGS.boundary, "patient_vitals")
    ((known, *_),) = built.from_json(world.store.get(ledger)).values()
    assert known.version == NEW_VERSION
    assert known.definition == definition_of(SETTINGS.pipeline, {})
    _next_night(world, 2)
    assert world.plan() == []
    late = {"type": "numbered", "partitionNum": 1, "partitions": 1}
    whole = rebuilt()
    world.druid.segments[-1] = with_shard(whole, late | {"partitionNum": 0})
    world.druid.segments.append(with_shard(whole, late))
    _next_night(world, 3)
    assert world.plan() == [0]
    assert world.xcoms["plan", "night"]["reasons"] == {"fragmented": 1, "rows appended": 1}


def test_a_lost_ledger_is_made_again_from_what_the_batches_left(world: World) -> None:
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    ledger = names.built_uri(SETTINGS.boundary, "patient_vitals")
    before = built.from_json(world.store.get(ledger))
    world.store.delete(ledger)
    _next_night(world, 2)
    assert world.plan() == []
    assert built.from_json(world.store.get(ledger)) == before


def test_a_dry_run_writes_no_ledger(world: World) -> None:
    world.conf = {**world.conf, "dry_run": True}
    world.plan()
    assert not world.store.exists(names.built_uri(SETTINGS.boundary, "patient_vitals"))


def with_shard(made: Segment, shard: dict[str, object]) -> Segment:
    return Segment.from_payload({**made.payload, "shardSpec": shard}, num_rows=made.num_rows)


def _next_night(world: World, number: int) -> None:
    world.run(make(NightVerdictOperator, "verdict"))
    world.run_id = f"manual__{number}"
