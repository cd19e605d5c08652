"""What Druid tells of a datasource as the draft of a pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.aggregators import AGGREGATORS
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.datasource_import import _METRICS, from_datasource
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.pipeline_import import Draft
from twins import segment

ROOT = Path(__file__).parents[3]
COLUMNS = {
    "__time": "TIMESTAMP",
    "patient_token": "VARCHAR",
    "code": "BIGINT",
    "path": "ARRAY<STRING>",
    "events": "BIGINT",
    "value_sum": "DOUBLE",
}


def made_of(intervals: list[str], columns: dict[str, str] = COLUMNS) -> Draft:
    segments = [segment(interval) for interval in intervals]
    return from_datasource("patient_vitals", columns, segments, classification="phi", owner="team")


def test_columns_become_dimensions_and_metrics() -> None:
    made = made_of(["2026-09-01/2026-09-02", "2026-09-02/2026-09-03"])
    assert made.content["dimensions"] == ["patient_token", {"name": "code", "type": "long"}]
    assert made.content["metrics"] == [
        {"type": "longSum", "name": "events", "fieldName": "events"},
        {"type": "doubleSum", "name": "value_sum", "fieldName": "value_sum"},
    ]
    assert made.content["granularity"] == {"segment": "DAY", "query": "NONE", "rollup": False}
    assert [line.split(": ")[0] for line in made.not_carried] == [
        "columns.path", "metrics.events", "metrics.value_sum", "granularity.query, rollup",
    ]  # fmt: skip


def test_the_draft_is_a_pipeline(tmp_path: Path) -> None:
    file = tmp_path / "draft.yaml"
    file.write_text(yaml.safe_dump(made_of(["2026-09-01/2026-09-02"]).content))
    assert load_pipeline(file, load_boundaries(ROOT / "emr_configs")).datasource == "patient_vitals"


@pytest.mark.parametrize(
    ("intervals", "granularity", "is_said"),
    [
        (["2026-09-01T05:00:00/2026-09-01T06:00:00"], "HOUR", False),
        (["2026-08-31/2026-09-07"], "WEEK", False),
        (["2026-09-01/2026-10-01"], "MONTH", False),
        (["2026-01-01/2027-01-01"], "YEAR", False),
        (["2026-09-01/2026-09-02", "2026-09-02/2026-09-03", "2026-10-01/2026-11-01"], "DAY", True),
        (["2026-09-01/2026-09-04"], "DAY", True),
    ],
)
def test_the_granularity_is_that_of_most_segments(intervals: list[str], granularity: str, is_said: bool) -> None:
    made = made_of(intervals)
    assert made.content["granularity"]["segment"] == granularity
    assert any(line.startswith("granularity.segment:") for line in made.not_carried) is is_said


@pytest.mark.parametrize(
    ("sql_type", "aggregator"),
    [
        ("COMPLEX<HLLSketch>", "HLLSketchMerge"),
        ("COMPLEX<HLLSketchBuild>", "HLLSketchMerge"),
        ("COMPLEX<thetaSketchMerge>", "thetaSketch"),
        ("COMPLEX<KllFloatsSketch>", "KllFloatsSketch"),
        ("COMPLEX<approximateHistogram>", "approxHistogramFold"),
    ],
)
def test_a_sketch_becomes_an_aggregator_that_merges_it(sql_type: str, aggregator: str) -> None:
    columns = {"code": "VARCHAR", "events": sql_type, "value_sum": "COMPLEX<unknown>"}
    made = made_of(["2026-09-01/2026-09-02"], columns)
    assert made.content["metrics"] == [{"type": aggregator, "name": "events", "fieldName": "events"}]
    assert any(line.startswith("columns.value_sum:") for line in made.not_carried)


def test_each_assumed_aggregator_is_one_of_druids() -> None:
    assert set(_METRICS.values()) <= AGGREGATORS.keys()


def test_a_datasource_without_metrics_is_said() -> None:
    made = made_of(["2026-09-01/2026-09-02"], {"code": "VARCHAR"})
    assert any(line.startswith("metrics: there is none") for line in made.not_carried)


def test_a_datasource_without_data_is_refused() -> None:
    tombstone = replace(segment("2026-09-01/2026-09-02"), shard_spec_type="tombstone")
    for columns, segments in (({}, [segment("2026-09-01/2026-09-02")]), (COLUMNS, []), (COLUMNS, [tombstone])):
        with pytest.raises(ConfigurationError, match="datasource gone: Druid serves no segment"):
            from_datasource("gone", columns, segments, classification="phi", owner="team")
