"""The JSON schema of a pipeline file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from druid_reindex.model.pipeline_schema import json_schema

ROOT = Path(__file__).parents[3]
VALIDATOR = Draft202012Validator(json_schema())
SHIPPED = yaml.safe_load((ROOT / "dags/pipelines/patient_vitals.yaml").read_text())


def test_the_committed_schema_is_current() -> None:
    committed = (ROOT / "docs" / "pipeline.schema.json").read_text()
    assert committed == json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n", (
        "run `make docs`"
    )


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", sorted((ROOT / "dags" / "pipelines").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_files_are_valid(path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(path.read_text()))
    assert path.read_text().startswith("# yaml-language-server: $schema=../../docs/pipeline.schema.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"lokback": "P9D"},
        {"classification": "secret"},
        {"metrics": [{"type": "doublSum", "name": "x"}]},
        {"dimensions": [7]},
        {"granularity": {"segment": "P1D"}},
        {"inputs": [{"type": "file"}]},
        {"policy": {"retries": 11}},
    ],
)
def test_an_editor_marks_what_is_wrong(changes: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(SHIPPED | changes)


def test_each_field_has_its_description() -> None:
    schema = json_schema()
    objects = [schema, *(each for each in schema["$defs"].values() if "properties" in each)]
    bare = [name for each in objects for name, field in each["properties"].items() if "description" not in field]
    assert not bare
