"""Unloads and loads against each other and against the boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer_rules import (
    missing_sql,
    read_scripts,
    sound_loads,
    sound_unloads,
    transfers_need_redshift,
)
from druid_reindex.model.yaml_file import dotted

ROOT = Path(__file__).parents[3]
SOUND: dict[str, Any] = {
    "datasource": "patient_snapshot", "classification": "phi", "owner": "us", "description": "Snapshots.",
    "dimensions": ["patient_token"], "metrics": [{"type": "count", "name": "n"}],
}  # fmt: skip
UNLOAD = {"name": "claims", "sql": "unload/claims.sql", "format": "json"}
LOAD = {"name": "snapshot", "table": "clinic.snapshot", "columns": ["token", "day"], "mode": "merge", "keys": ["day"]}


@pytest.fixture(scope="module")
def boundaries() -> Boundaries:
    return load_boundaries(ROOT / "emr_configs")


def found(boundaries: Boundaries, **changes: Any) -> dict[str, str]:
    """What is wrong, by field."""
    pipeline = Pipeline.model_validate(SOUND | changes)
    rules = (transfers_need_redshift, sound_unloads, sound_loads)
    defects = [defect for rule in rules for defect in rule(pipeline, boundaries)]
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in defects}


def test_sound_ones(boundaries: Boundaries) -> None:
    again = LOAD | {"name": "copy", "table": "clinic.copy", "unload": "claims", "format": "json"}
    assert found(boundaries, unloads=[UNLOAD], loads=[LOAD, again]) == {}


def test_redshift_is_the_boundary_s(boundaries: Boundaries) -> None:
    general = {"classification": "general", "datasource": "shop"}
    told = found(boundaries, unloads=[UNLOAD], loads=[LOAD], **general)
    assert set(told) == {"unloads", "loads"}
    assert "add redshift (cluster_identifier, database, role_arns) to general in boundaries.yaml" in told["loads"]
    assert found(boundaries, **general) == {}


def test_names_and_tables_are_given_once(boundaries: Boundaries) -> None:
    told = found(boundaries, unloads=[UNLOAD, UNLOAD], loads=[LOAD, LOAD])
    assert set(told) == {"unloads[1].name", "loads[1].name", "loads[1].table"}


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"compression": "gzip"}, "compression", "Parquet compresses by itself"),
        ({"mode": "swap"}, "keys", "a swap replaces every row"),
        ({"keys": []}, "keys", "write keys: [day]"),
        ({"keys": ["dya"]}, "keys[0]", "did you mean day?"),
        ({"keys": ["day", "day"]}, "keys[1]", "a second time"),
        ({"columns": ["day", "day"]}, "columns[1]", "a second time"),
        ({"unload": "claim"}, "unload", "did you mean claims?"),
        ({"unload": "claims"}, "format", "its files are json, none"),
    ],
)
def test_a_load_that_does_not_fit(boundaries: Boundaries, change: dict[str, Any], field: str, told: str) -> None:
    assert told in found(boundaries, unloads=[UNLOAD], loads=[LOAD | change])[f"loads[0].{field}"]


def test_an_unload_that_does_not_fit(boundaries: Boundaries) -> None:
    told = found(boundaries, unloads=[UNLOAD | {"format": "parquet", "compression": "bzip2"}])
    assert set(told) == {"unloads[0].compression"}


def test_files_of_sql_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "unload").mkdir()
    (tmp_path / "unload" / "claims.sql").write_text("SELECT 1")
    pipeline = Pipeline.model_validate(SOUND | {"unloads": [UNLOAD], "loads": [LOAD | {"sql": "load/x.sql"}]})
    found = {dotted(each.field): each.found for each in missing_sql(pipeline, tmp_path)}
    assert set(found) == {"unloads[0].sql", "loads[0].sql"}
    assert "its header comment lacks inputs, grain, owner" in found["unloads[0].sql"]
    assert missing_sql(Pipeline.model_validate(SOUND | {"loads": [LOAD]}), tmp_path) == []


def test_scripts_are_read_by_the_names_that_the_unloads_give_them(tmp_path: Path) -> None:
    (tmp_path / "unload").mkdir()
    (tmp_path / "unload" / "claims.sql").write_text("SELECT 1")
    named = Pipeline.model_validate(SOUND | {"unloads": [UNLOAD | {"sql": "unload/claims.sql"}]})
    assert read_scripts(named, tmp_path) == {"unload/claims.sql": "SELECT 1"}
    assert read_scripts(Pipeline.model_validate(SOUND | {"unloads": []}), tmp_path) == {}
