"""What a pipeline may say about tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.token_rules import sound_tokens
from druid_reindex.model.yaml_file import dotted

BOUNDARIES = load_boundaries(Path(__file__).parents[3] / "emr_configs")
KEY = {"secret_id": "druid-reindex/tokens/phi/patients", "version_id": "1" * 32}
TOKEN = {"column": "patient_id", "kind": "patient", "name": "patient_token"}
UNLOAD = {"name": "claims", "sql": "unload/patient_claims.sql", "format": "json", "tokens": [TOKEN]}
SOUND: dict[str, Any] = {
    "datasource": "patient_snapshot", "classification": "phi", "owner": "o", "description": "d",
    "dimensions": ["patient_token", "payer_token"], "unloads": [UNLOAD], "token_key": KEY,
}  # fmt: skip


def found(**changes: Any) -> dict[str, str]:
    pipeline = Pipeline.model_validate(SOUND | changes)
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in sound_tokens(pipeline, BOUNDARIES)}


def test_tokens_and_their_key_go_together() -> None:
    assert found() == {}
    assert found(unloads=[UNLOAD | {"tokens": []}], token_key=None) == {}
    assert "add secret_id" in found(token_key=None)["token_key"]
    assert "leave it out" in found(unloads=[])["token_key"]


def test_identifiers_are_protected_data() -> None:
    assert "classification: phi" in found(classification="general")["token_key"]


def test_a_step_reads_lines() -> None:
    assert "reads json or csv" in found(unloads=[UNLOAD | {"format": "parquet"}])["unloads[0].format"]


@pytest.mark.parametrize(
    ("tokens", "field", "told"),
    [
        ([TOKEN | {"name": "patient_tokn"}], "[0].name", "did you mean patient_token?"),
        ([TOKEN, TOKEN | {"name": "payer_token"}], "[1].column", "'patient_id' a second time"),
        ([TOKEN, TOKEN | {"column": "payer_id"}], "[1].name", "'patient_token' a second time"),
    ],
)
def test_a_token_has_a_column_of_its_own(tokens: list[dict[str, str]], field: str, told: str) -> None:
    assert told in found(unloads=[UNLOAD | {"tokens": tokens}])[f"unloads[0].tokens{field}"]
