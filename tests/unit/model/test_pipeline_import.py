"""Ingestion specs as drafts of pipelines: what is carried, and that the rest is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.pipeline_import import Draft, from_spec

ROOT = Path(__file__).parents[3]
PASSWORD = "never-shown"


def old_parser(**parse_spec: Any) -> dict[str, Any]:
    """A ``parser`` as Hadoop specs have it."""
    return {"type": "hadoopyString", "parseSpec": {"format": "json", "timestampSpec": {"column": "ts"}} | parse_spec}


HASHED = {
    "type": "index_hadoop",
    "spec": {
        "dataSchema": {
            "dataSource": "patient_labs",
            "parser": old_parser(
                dimensionsSpec={"dimensions": ["patient_token", {"type": "long", "name": "visits"}]},
                flattenSpec={"fields": [{"type": "path", "name": "x", "expr": "$.x"}]},
            ),
            "metricsSpec": [
                {"type": "count", "name": "count"},
                {"type": "hyperUnique", "name": "patients", "fieldName": "patient_token"},
                {"type": "javascript", "name": "odd", "fieldNames": ["a"]},
            ],
            "granularitySpec": {
                "type": "uniform", "segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False,
                "intervals": ["2026-09-01/2026-09-02"],
            },
        },
        "ioConfig": {
            "type": "hadoop",
            "inputSpec": {"type": "static", "paths": "s3://somewhere/labs"},
            "metadataUpdateSpec": {"type": "postgresql", "password": PASSWORD},
            "segmentOutputPath": "s3://somewhere/segments",
        },
        "tuningConfig": {
            "type": "hadoop",
            "partitionsSpec": {
                "type": "hashed", "targetRowsPerSegment": 4_000_000, "partitionDimensions": ["patient_token"],
            },
            "jobProperties": {"fs.s3a.secret.key": PASSWORD},
            "maxParseExceptions": 0,
        },
    },
    "hadoopDependencyCoordinates": ["org.apache.hadoop:hadoop-client-api:3.3.6"],
}  # fmt: skip
SINGLE_DIM = {
    "dataSchema": {
        "dataSource": "patient_visits",
        "dimensionsSpec": {"dimensions": ["ward", {"type": "json", "name": "raw"}], "dimensionExclusions": ["ssn"]},
        "timestampSpec": {"column": "ts", "format": "auto"},
        "metricsSpec": [{"type": "longSum", "name": "beds", "fieldName": "beds", "expression": None}],
        "granularitySpec": {
            "segmentGranularity": {"type": "period", "period": "P1M", "timeZone": "UTC"},
            "queryGranularity": {"type": "period", "period": "PT15M"},
        },
    },
    "ioConfig": {"type": "hadoop", "inputSpec": {"type": "granularity", "inputPath": "s3://somewhere/visits"}},
    "tuningConfig": {
        "type": "hadoop",
        "partitionsSpec": {"type": "single_dim", "partitionDimension": "ward", "targetPartitionSize": 3_000_000},
    },
}
MULTI = {
    "type": "index_hadoop",
    "spec": {
        "dataSchema": {
            "dataSource": "patient_delta",
            "parser": old_parser(dimensionsSpec={"dimensions": ["code"]}),
            "metricsSpec": [{"type": "doubleSum", "name": "value_sum", "fieldName": "value"}],
            "granularitySpec": {"segmentGranularity": "hour", "queryGranularity": "minute", "rollup": True},
        },
        "ioConfig": {
            "type": "hadoop",
            "inputSpec": {
                "type": "multi",
                "children": [
                    {
                        "type": "dataSource",
                        "ingestionSpec": {"dataSource": "patient_delta", "intervals": [], "filter": {"type": "true"}},
                    },
                    {"type": "dataSource", "ingestionSpec": {"dataSource": "patient_other"}},
                    {"type": "static", "paths": "s3://somewhere/delta"},
                ],
            },
        },
        "tuningConfig": {"type": "hadoop", "partitionsSpec": {"type": "hashed", "numShards": 4}},
    },
}
TRANSFORMED = {
    "type": "kafka",
    "spec": {
        "dataSchema": {
            "dataSource": "patient_stream",
            "dimensionsSpec": {
                "dimensions": [{"type": "string", "name": "code", "createBitmapIndex": False}, {"type": "auto"}]
            },
            "transformSpec": {"transforms": [{"type": "expression", "name": "x", "expression": "y"}]},
            "metricsSpec": [
                {
                    "type": "filtered",
                    "filter": {"type": "selector", "dimension": "code", "value": "a"},
                    "aggregator": {"type": "count", "name": "a_count"},
                }
            ],
            "granularitySpec": {"segmentGranularity": "ALL", "queryGranularity": {"type": "none"}},
        },
        "ioConfig": {"topic": "labs", "consumerProperties": {"sasl.jaas.config": PASSWORD}},
        "tuningConfig": {"type": "kafka", "partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": 10}},
    },
}
SPECS = {"hashed": HASHED, "single_dim": SINGLE_DIM, "multi": MULTI, "transformed": TRANSFORMED}


def made_of(spec: dict[str, Any]) -> Draft:
    return from_spec(spec, classification="phi", owner="team")


def places(draft: Draft) -> list[str]:
    """What was not carried, without the reasons."""
    return [line.split(": ")[0] for line in draft.not_carried]


def test_a_hashed_spec() -> None:
    made = made_of(HASHED)
    assert made.content == {
        "datasource": "patient_labs",
        "classification": "phi",
        "cluster": {"profile": "secure"},
        "owner": "team",
        "description": "Rows of patient_labs.",
        "inputs": [{"type": "datasource"}],
        "dimensions": ["patient_token", {"name": "visits", "type": "long"}],
        "metrics": [
            {"type": "count", "name": "count"},
            {"type": "hyperUnique", "name": "patients", "fieldName": "patient_token"},
        ],
        "granularity": {"segment": "DAY", "query": "NONE", "rollup": False},
        "partitioning": {"target_rows_per_segment": 4_000_000, "partition_dimensions": ["patient_token"]},
    }
    assert sorted(places(made)) == sorted([
        "hadoopDependencyCoordinates", "parseSpec.format", "parseSpec.timestampSpec", "parseSpec.flattenSpec",
        "metricsSpec.odd", "granularitySpec.intervals", "ioConfig.metadataUpdateSpec", "ioConfig.segmentOutputPath",
        "inputSpec.static", "tuningConfig.jobProperties", "tuningConfig.maxParseExceptions",
    ])  # fmt: skip


def test_a_single_dim_spec_without_parser() -> None:
    made = made_of(SINGLE_DIM)
    assert made.content["dimensions"] == ["ward"]
    assert made.content["metrics"] == [{"type": "longSum", "name": "beds", "fieldName": "beds"}]
    assert made.content["granularity"] == {"segment": "MONTH", "query": "FIFTEEN_MINUTE", "rollup": True}
    assert made.content["partitioning"] == {"target_rows_per_segment": 3_000_000}
    assert sorted(places(made)) == [
        "dataSchema.timestampSpec", "dimensions.raw", "dimensionsSpec.dimensionExclusions", "inputSpec.granularity",
        "partitionsSpec.single_dim",
    ]  # fmt: skip


def test_a_multi_spec_keeps_its_own_segments_alone() -> None:
    made = made_of(MULTI)
    assert made.content["inputs"] == [{"type": "datasource"}]
    assert made.content["granularity"] == {"segment": "HOUR", "query": "MINUTE", "rollup": True}
    assert "partitioning" not in made.content
    assert {
        "inputSpec.ingestionSpec.filter", "inputSpec.dataSource", "inputSpec.static", "partitionsSpec.numShards",
    } <= set(places(made))  # fmt: skip


def test_a_spec_with_transforms() -> None:
    made = made_of(TRANSFORMED)
    assert made.content["dimensions"] == ["code"]
    assert made.content["metrics"][0]["name"] == "a_count"
    assert made.content["granularity"] == {"segment": "DAY", "query": "NONE", "rollup": True}
    assert {
        "dataSchema.transformSpec", "dimensions.code.createBitmapIndex", "dimensions.(without a name)",
        "granularitySpec.segmentGranularity", "partitionsSpec.maxRowsPerSegment", "ioConfig.topic",
    } <= set(places(made))  # fmt: skip


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_draft_is_a_pipeline(spec: dict[str, Any], tmp_path: Path) -> None:
    made = made_of(spec)
    file = tmp_path / "draft.yaml"
    file.write_text(yaml.safe_dump(made.content, sort_keys=False))
    pipeline = load_pipeline(file, load_boundaries(ROOT / "emr_configs"))
    assert pipeline.model_dump(mode="json", exclude_unset=True)["granularity"] == made.content["granularity"]
    assert len(pipeline.dimensions) == len(made.content["dimensions"])


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_values_that_are_left_are_not_shown(spec: dict[str, Any]) -> None:
    assert PASSWORD in str(spec) or spec in (SINGLE_DIM, MULTI)
    made = made_of(spec)
    assert PASSWORD not in f"{made.content}{made.not_carried}"


def test_a_partition_dimension_that_is_left_out_is_said() -> None:
    schema = {"dataSource": "x", "dimensionsSpec": {"dimensions": ["a"]}}
    tuning = {"partitionsSpec": {"type": "hashed", "partitionDimensions": ["b"]}}
    made = made_of({"dataSchema": schema, "tuningConfig": tuning})
    assert "partitionsSpec.partitionDimensions" in places(made)
    assert "metrics" in places(made)
    assert "partitioning" not in made.content


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, "no dataSchema.dataSource"),
        ({"dataSchema": {"dataSource": 7}}, "no dataSchema.dataSource"),
        ({"dataSchema": {"dataSource": "x", "dimensionsSpec": {"dimensions": []}}}, "--from-datasource"),
    ],
)
def test_what_no_pipeline_can_be_made_of(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        made_of(spec)
