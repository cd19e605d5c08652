"""What a pipeline may load of what it exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.export_rules import sound_exports
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.yaml_file import dotted

BOUNDARIES = load_boundaries(Path(__file__).parents[3] / "emr_configs")
LOAD: dict[str, Any] = {
    "name": "snapshot", "table": "clinic.snapshot", "columns": ["day", "patient_token", "events"], "mode": "merge",
    "keys": ["day"], "sources": {"day": "__time"}, "format": "json",
}  # fmt: skip
SOUND: dict[str, Any] = {
    "datasource": "patient_snapshot", "classification": "phi", "owner": "o", "description": "d",
    "dimensions": ["patient_token"], "metrics": [{"type": "count", "name": "events"}],
    "granularity": {"segment": "DAY", "query": "DAY", "rollup": True},
    "unloads": [{"name": "claims", "sql": "unload/claims.sql"}],
}  # fmt: skip


def found(load: dict[str, Any], **changes: Any) -> dict[str, str]:
    pipeline = Pipeline.model_validate(SOUND | {"loads": [LOAD | load]} | changes)
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in sound_exports(pipeline, BOUNDARIES)}


def test_a_sound_one() -> None:
    assert found({}) == {}
    assert found({"unload": "claims", "sources": {}, "columns": ["x"], "keys": ["x"], "format": "parquet"}) == {}


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"format": "parquet"}, "format", "json or csv"),
        ({"mode": "swap", "keys": []}, "mode", "write merge"),
        ({"keys": ["day", "patient_token"]}, "keys", "__time as the only key"),
        ({"sources": {}}, "columns[0]", "sources: {day: …}"),
        ({"columns": ["day", "patient_tokn"]}, "columns[1]", "did you mean patient_token?"),
        ({"sources": {"day": "__time", "night": "x"}}, "sources", "name one of the columns"),
        ({"unload": "claims"}, "sources", "leave it out"),
    ],
)
def test_what_cannot_be_exported(change: dict[str, Any], field: str, told: str) -> None:
    assert told in found(change)[f"loads[0].{field}"]


def test_rows_are_loaded_by_their_day() -> None:
    assert "write DAY" in found({}, granularity={"segment": "DAY", "query": "HOUR"})["granularity.query"]
