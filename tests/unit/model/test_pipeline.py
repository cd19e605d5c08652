"""The pipeline as a frozen value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.model.pipeline import DatasourceInput, Dimension, Engine, Pipeline, StaticInput, Submission

LEAST: dict[str, Any] = {
    "datasource": "vitals",
    "classification": "phi",
    "owner": "x",
    "description": "y",
    "dimensions": ["code"],
}


def test_the_least_that_a_pipeline_says() -> None:
    pipeline = Pipeline.model_validate(LEAST)
    assert pipeline.inputs == (DatasourceInput(),)
    assert (pipeline.engine, pipeline.submit) == (Engine.HADOOP, Submission.OVERLORD)
    assert pipeline.lookback == timedelta(days=60)
    assert (pipeline.dag_id, pipeline.asset_name) == ("nightly_reindex__vitals", "druid_vitals")


def test_a_bare_name_is_a_string_dimension() -> None:
    pipeline = Pipeline.model_validate(LEAST | {"dimensions": ["code", {"name": "visits", "type": "long"}]})
    assert pipeline.dimensions == (Dimension(name="code", type="string"), Dimension(name="visits", type="long"))


def test_it_is_frozen_and_survives_a_round_trip() -> None:
    pipeline = Pipeline.model_validate(LEAST | {"metrics": [{"type": "thetaSketch", "name": "n", "size": 16}]})
    assert Pipeline.model_validate(pipeline.model_dump()) == pipeline
    assert Pipeline.model_validate(pipeline.model_dump(mode="json")) == pipeline
    with pytest.raises(ValidationError):
        pipeline.owner = "z"  # type: ignore[misc]


@pytest.mark.parametrize(
    "changes",
    [
        {"lookback": 90},
        {"lookback": "90 days"},
        {"lookback": True},
        {"policy": {"retries": "2"}},
        {"policy": {"retries": True}},
        {"policy": {"max_night_hours": "8"}},
        {"policy": {"max_night_hours": float("inf")}},
        {"granularity": {"rollup": 1}},
        {"partitioning": {"target_rows_per_segment": 5e6}},
        {"connections": {"aws": "https://key:secret@host"}},
        {"tags": ["x" * 101]},
        {"schedule": {"timezone": "../etc/passwd"}},
        {"datasource": "vitals\n"},
    ],
)
def test_nothing_is_guessed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Pipeline.model_validate(LEAST | changes)


@pytest.mark.parametrize("path", ["s3://bucket/a/b", "s3://bucket/a/*.json", "s3://bucket/", "s3://bucket/a/"])
def test_addresses_that_hadoop_reads_as_they_are_written(path: str) -> None:
    assert StaticInput(type="static", paths=(path,)).paths == (path,)


@pytest.mark.parametrize(
    "path",
    [
        "s3a://bucket/a",
        "/a/b",
        "s3://bucket/a,s3://other/b",
        "s3://bucket/{a,b}",
        "s3://bucket/a/../b",
        "s3://bucket/./b",
        "s3://bucket/a//b",
        "s3://bucket/..",
        "s3://bucket/a\\*",
    ],
)
def test_addresses_that_hadoop_reads_otherwise(path: str) -> None:
    with pytest.raises(ValidationError):
        StaticInput(type="static", paths=(path,))
