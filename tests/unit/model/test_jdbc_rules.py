"""Unloads from databases, against each other's fields and against the boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.jdbc_rules import missing_ca, sound_databases
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.transfer_rules import missing_sql, transfers_need_redshift
from druid_reindex.model.yaml_file import dotted
from jdbc_source import TABLE, configs_with_database

SOUND: dict[str, Any] = {
    "datasource": "patient_visits", "classification": "phi", "owner": "us", "description": "Visits.",
    "dimensions": ["patient_token"], "metrics": [{"type": "count", "name": "n"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return configs_with_database(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="module")
def boundaries(configs: Path) -> Boundaries:
    return load_boundaries(configs)


def visits(*, without: str = "", jdbc: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    made = TABLE | changes | {"jdbc": TABLE["jdbc"] | (jdbc or {})}
    made["jdbc"].pop(without, None)
    return made


def found(boundaries: Boundaries, *unloads: dict[str, Any], **changes: Any) -> dict[str, str]:
    """What is wrong, by field."""
    pipeline = Pipeline.model_validate(SOUND | {"unloads": unloads} | changes)
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in sound_databases(pipeline, boundaries)}


def test_sound_ones(boundaries: Boundaries) -> None:
    query = visits(without="columns", sql="unload/visits.sql", jdbc={"table": None, "lower": -2, "upper": 10})
    whole = visits(without="split_column", name="all")
    whole["jdbc"].pop("parts")
    assert found(boundaries, visits(), query, whole) == {}


def test_a_database_needs_no_redshift_and_redshift_needs_sql(boundaries: Boundaries) -> None:
    pipeline = Pipeline.model_validate(SOUND | {"unloads": [visits()]})
    general = pipeline.model_copy(update={"classification": Classification.GENERAL})
    assert list(transfers_need_redshift(general, boundaries)) == []
    assert (pipeline.moves_tables, pipeline.has_sql, missing_sql(pipeline, Path())) == (False, True, [])
    assert "Redshift runs a SELECT" in found(boundaries, {"name": "claims"})["unloads[0].sql"]


def test_a_protected_database_is_none_of_a_general_pipeline(boundaries: Boundaries) -> None:
    general = {"classification": "general", "datasource": "shop"}
    told = found(boundaries, visits(), **general)["unloads[0].jdbc.database"]
    assert told == "'ehr'; not one of general.databases; boundaries.yaml has none"


@pytest.mark.parametrize(
    ("unload", "field", "told"),
    [
        (visits(jdbc={"database": "ehrs"}), "jdbc.database", "did you mean ehr?"),
        (visits(sql="unload/visits.sql"), "jdbc.table", "sql and table"),
        (visits(jdbc={"table": None}), "jdbc.table", "neither sql nor table"),
        (visits(jdbc={"columns": []}), "jdbc.columns", "list the columns that are needed"),
        (visits(sql="unload/visits.sql", jdbc={"table": None}), "jdbc.columns", "the query names them"),
        (visits(jdbc={"columns": ["id", "id"]}), "jdbc.columns[1]", "keep one of them"),
        (visits(without="split_column"), "jdbc.parts", "name the column"),
        (visits(jdbc={"lower": 1}), "jdbc.upper", "write both, or none"),
        (visits(jdbc={"upper": 1}), "jdbc.lower", "write both, or none"),
        (visits(jdbc={"lower": 10, "upper": 9}), "jdbc.upper", "write the greater one"),
        (visits(jdbc={"lower": "2026-01-01", "upper": 9}), "jdbc.upper", "write the greater one"),
        (visits(format="parquet", compression="none"), "format", "a step writes json or csv"),
        (visits(compression="gzip"), "compression", "write bzip2"),
        (visits(max_file_size_mb=100), "max_file_size_mb", "write parts"),
    ],
)
def test_what_does_not_go_together(boundaries: Boundaries, unload: dict[str, Any], field: str, told: str) -> None:
    wrong = found(boundaries, unload)
    assert told in wrong[f"unloads[0].{field}"]


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "there is no such file"), ("x", "no certificate"),
     ("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", "or a private key, in it")],
)  # fmt: skip
def test_a_ca_that_is_not_there(tmp_path: Path, text: str | None, told: str) -> None:
    configs = configs_with_database(tmp_path)
    pipeline = Pipeline.model_validate(SOUND | {"unloads": [visits()]})
    assert missing_ca(pipeline, load_boundaries(configs), configs) == []
    file = configs / "databases/ehr_ca.pem"
    file.unlink() if text is None else file.write_text(text)
    (wrong,) = missing_ca(pipeline, load_boundaries(configs), configs)
    assert dotted(wrong.field) == "unloads[0].jdbc.database"
    assert told in wrong.found
