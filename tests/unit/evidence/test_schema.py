"""The schema accepts the lines of packs and nothing that has other fields; the shipped page is the code's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import packs
from druid_reindex.evidence.schema import json_schema

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
LINES = [json.loads(line) for line in packs.packed().lines.splitlines()]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("line", LINES, ids=[line["kind"] for line in LINES])
def test_each_line_holds_to_it(line: dict[str, Any]) -> None:
    assert not list(VALIDATOR.iter_errors(line))


@pytest.mark.parametrize("line", LINES, ids=[line["kind"] for line in LINES])
@pytest.mark.parametrize("change", [
    lambda line: line.update(version=2),
    lambda line: line.update(state="green"),
    lambda line: line.update(previous="ab"),
    lambda line: line.update(more=1),
    lambda line: line["body"].update(more=1),
    lambda line: line["body"].pop(next(iter(line["body"]))),
])  # fmt: skip
def test_a_line_with_other_fields_does_not(line: dict[str, Any], change: Any) -> None:
    changed = json.loads(json.dumps(line))
    change(changed)
    assert list(VALIDATOR.iter_errors(changed))


def test_the_shipped_schema_is_the_codes_own() -> None:
    shipped = Path(__file__).parents[3] / "docs" / "evidence.schema.json"
    assert json.loads(shipped.read_text(encoding="utf-8")) == SCHEMA, "run `make docs`"
