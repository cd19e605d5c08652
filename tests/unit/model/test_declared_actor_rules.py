"""Declarations against each other and against the boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.declared_actor_rules import sound_actors
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.yaml_file import dotted

BOUNDARIES = load_boundaries(Path(__file__).parents[3] / "emr_configs")
ACTOR: dict[str, Any] = {
    "name": "historicals", "principal": "arn:aws:iam::111122223333:role/DruidNode", "verbs": ["s3:GetObject"],
    "prefix": "s3://drx-phi-111122223333/druid/segments/", "owner": "druid", "expires": "2027-06-30",
    "purpose": "Druid's nodes load the segments that they serve.",
}  # fmt: skip
SOUND: dict[str, Any] = {
    "datasource": "patient_vitals", "classification": "phi", "owner": "o", "description": "d", "dimensions": ["code"],
    "metrics": [{"type": "count", "name": "events"}],
}  # fmt: skip


def found(*actors: dict[str, Any]) -> dict[str, str]:
    pipeline = Pipeline.model_validate(SOUND | {"declared_actors": [ACTOR | each for each in actors]})
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in sound_actors(pipeline, BOUNDARIES)}


def test_sound_ones() -> None:
    assert found({}, {"name": "logs", "prefix": "s3://drx-logs-111122223333/emr/phi/j-1"}) == {}


def test_a_name_twice_and_a_place_of_nobody() -> None:
    assert "a second time" in found({}, {"verbs": ["s3:HeadObject"]})["declared_actors[1].name"]
    wrong = found({"prefix": "s3://drx-general-111122223333/druid"})["declared_actors[0].prefix"]
    assert "write a prefix below s3://drx-phi-111122223333/" in wrong
