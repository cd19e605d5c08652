"""Tests of the task `plan`."""

from __future__ import annotations

import hashlib

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import document
from night_world import SETTINGS, World, rebuilt


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
