"""What a pipeline may expect of its segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.expectation_rules import columns_of, sound_expectations
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.yaml_file import dotted

ROOT = Path(__file__).parents[3]
BOUNDARIES = load_boundaries(ROOT / "emr_configs")
SOUND: dict[str, Any] = {
    "datasource": "patient_vitals", "classification": "phi", "owner": "o", "description": "d",
    "dimensions": ["code", "units", {"name": "age", "type": "long"}],
    "metrics": [{"type": "count", "name": "events"}, {"type": "thetaSketch", "name": "people", "fieldName": "p"}],
}  # fmt: skip


def found(*expectations: dict[str, Any]) -> dict[str, str]:
    pipeline = Pipeline.model_validate(SOUND | {"expectations": [*expectations]})
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in sound_expectations(pipeline, BOUNDARIES)}


def test_sound_ones() -> None:
    assert not found(
        {"type": "expect_column_values_to_not_be_null", "column": "code", "mostly": 0.99},
        {"type": "expect_column_values_to_be_between", "column": "age", "min_value": 0, "max_value": 130},
        {"type": "expect_column_values_to_be_in_set", "column": "units", "value_set": ["mm[Hg]", "kg"]},
        {"type": "expect_column_values_to_be_in_set", "column": "age", "value_set": [1, 2.5]},
        {"type": "expect_compound_columns_to_be_unique", "column_list": ["code", "__time"]},
        {"type": "expect_column_sum_to_be_between", "column": "events", "min_value": 1, "strict_min": True},
        {"type": "expect_column_value_lengths_to_equal", "column": "code", "value": 7},
        {"type": "expect_table_row_count_to_be_between", "min_value": 1},
    )


@pytest.mark.parametrize(
    ("expectation", "field", "told"),
    [
        ({"type": "expect_column_values_to_not_be_nul", "column": "code"}, "type", "did you mean"),
        ({"type": "expect_column_values_to_match_regex", "column": "code", "regex": "x"}, "type", "Druid can answer"),
        ({"type": "expect_column_values_to_not_be_null", "column": "cod"}, "column", "did you mean code?"),
        ({"type": "expect_column_values_to_not_be_null"}, "column", "add it"),
        ({"type": "expect_column_values_to_not_be_null", "column": "code", "mostyl": 1}, "mostyl", "did you mean mos"),
        ({"type": "expect_column_values_to_not_be_null", "column": "code", "mostly": 99}, "mostly", "such as 0.99"),
        ({"type": "expect_column_values_to_be_between", "column": "age"}, "min_value", "min_value or max_value"),
        ({"type": "expect_column_values_to_be_between", "column": "code", "min_value": 1}, "column", "of numbers"),
        ({"type": "expect_column_max_to_be_between", "column": "people", "max_value": 1}, "column", "of numbers"),
        ({"type": "expect_column_max_to_be_between", "column": "age", "max_value": "1"}, "max_value", "without quotes"),
        ({"type": "expect_column_max_to_be_between", "column": "age", "min_value": 2, "max_value": 1}, "min_value",
         "exchange"),
        ({"type": "expect_column_max_to_be_between", "column": "age", "min_value": 2, "strict_min": "yes"},
         "strict_min", "true or false"),
        ({"type": "expect_column_values_to_be_in_set", "column": "code", "value_set": []}, "value_set", "a list"),
        ({"type": "expect_column_values_to_be_in_set", "column": "code", "value_set": [1]}, "value_set", "in quotes"),
        ({"type": "expect_column_values_to_be_in_set", "column": "age", "value_set": ["1"]}, "value_set", "numbers"),
        ({"type": "expect_column_values_to_be_in_set", "column": "age", "value_set": [1, "1"]}, "value_set",
         "one kind"),
        ({"type": "expect_compound_columns_to_be_unique", "column_list": ["code"]}, "column_list", "two columns"),
        ({"type": "expect_compound_columns_to_be_unique", "column_list": "code"}, "column_list", "a list"),
        ({"type": "expect_compound_columns_to_be_unique", "column_list": ["code", "x"]}, "column_list[1]", "no column"),
        ({"type": "expect_table_row_count_to_be_between", "min_value": 0.5}, "min_value", "whole number"),
    ],
)  # fmt: skip
def test_what_cannot_be_expected(expectation: dict[str, Any], field: str, told: str) -> None:
    assert told in found(expectation)[f"expectations[0].{field}"]


def test_a_file_names_the_line(tmp_path: Path) -> None:
    shipped = (ROOT / "dags" / "pipelines" / "patient_vitals.yaml").read_text()
    path = tmp_path / "wrong.yaml"
    path.write_text(shipped + "expectations:\n  - {type: expect_column_values_to_be_null, column: patient}\n")
    line = path.read_text().count("\n")
    with pytest.raises(ConfigurationError, match=rf"wrong\.yaml:{line}: expectations\[0\]\.column: found 'patient'"):
        load_pipeline(path, BOUNDARIES)


def test_which_columns_hold_numbers() -> None:
    pipeline = Pipeline.model_validate(SOUND)
    assert columns_of(pipeline) == {
        "__time": False, "code": False, "units": False, "age": True, "events": True, "people": False
    }  # fmt: skip
