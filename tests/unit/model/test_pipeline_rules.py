"""What must hold between the fields of a pipeline, and between it and its boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_rules import RULES
from druid_reindex.model.yaml_file import dotted

ROOT = Path(__file__).parents[3]
SOUND: dict[str, Any] = {
    "datasource": "shop_visits",
    "classification": "general",
    "owner": "shop",
    "description": "Visits.",
    "dimensions": ["page", "country"],
    "metrics": [{"type": "count", "name": "visits"}],
}
PHI = {"datasource": "patient_visits", "classification": "phi"}


@pytest.fixture(scope="module")
def boundaries() -> Boundaries:
    return load_boundaries(ROOT / "emr_configs")


def found(boundaries: Boundaries, **changes: Any) -> dict[str, str]:
    """What is wrong with the sound pipeline after ``changes``, by field."""
    pipeline = Pipeline.model_validate(SOUND | changes)
    defects = [defect for rule in RULES for defect in rule.find(pipeline, boundaries)]
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in defects}


def test_rules_read_fields_that_exist() -> None:
    assert all(rule.reads <= Pipeline.model_fields.keys() for rule in RULES)


def test_sound_pipelines(boundaries: Boundaries) -> None:
    assert found(boundaries) == {}
    assert found(boundaries, **PHI) == {}
    assert found(boundaries, submit="emr_step") == {}


@pytest.mark.parametrize("engine", ["native", "msq"])
def test_other_engines_are_refused_with_their_submission(boundaries: Boundaries, engine: str) -> None:
    assert found(boundaries, engine=engine) == {
        "engine": f"'{engine}'; this release rebuilds segments with hadoop only: write hadoop"
    }
    assert "engine hadoop only" in found(boundaries, engine=engine, submit="emr_step")["submit"]


@pytest.mark.parametrize(
    ("segment", "lookback", "works"),
    [("DAY", "PT23H", False), ("DAY", "P1D", True), ("HOUR", "PT1H", True), ("WEEK", "P6D", False),
     ("MONTH", "P27D", False), ("YEAR", "P300D", False), ("YEAR", "P365D", True)],
)  # fmt: skip
def test_lookback_spans_a_chunk(boundaries: Boundaries, segment: str, lookback: str, works: bool) -> None:
    told = found(boundaries, granularity={"segment": segment}, lookback=lookback)
    assert ("lookback" not in told) is works


@pytest.mark.parametrize(("streams", "works"), [("PT0S", True), ("PT24H", True), ("PT25H", False), ("P3D", False)])
def test_the_streaming_window_leaves_a_chunk_of_the_lookback(boundaries: Boundaries, streams: str, works: bool) -> None:
    told = found(boundaries, lookback="P2D", streaming_window=streams)
    assert ("streaming_window" not in told) is works


def test_timestamps_are_not_cut_beyond_a_chunk(boundaries: Boundaries) -> None:
    assert "HOUR or finer" in found(boundaries, granularity={"segment": "HOUR", "query": "DAY"})["granularity.query"]
    assert found(boundaries, granularity={"segment": "DAY", "query": "DAY"}) == {}


def test_columns_have_names_of_their_own(boundaries: Boundaries) -> None:
    told = found(boundaries, dimensions=["page", "__time", "page", "visits"])
    assert set(told) == {"dimensions[1].name", "dimensions[2].name", "metrics[0].name"}
    assert "leave it out" in told["dimensions[1].name"]


@pytest.mark.parametrize(
    ("metric", "field", "told"),
    [
        ({"type": "approximateHistogram", "fieldName": "x"}, ".type", "did you mean approxHistogram"),
        ({"type": "hllsketchbuild", "fieldName": "x"}, ".type", "did you mean HLLSketchBuild?"),
        ({"type": "zzz"}, ".type", "write one of "),
        ({"type": "longSum"}, ".fieldName", "longSum needs fieldName or expression"),
        ({"type": "longSum", "fieldName": "a", "expression": "a + 1"}, ".fieldName", "fieldName and expression"),
        ({"type": "longSum", "fieldName": ""}, ".fieldName", "nothing"),
        ({"type": "count", "fieldName": "a"}, ".fieldName", "in a field that does not exist"),
        ({"type": "thetaSketch", "fieldName": "a", "sizes": 3}, ".sizes", "did you mean size?"),
        ({"type": "fixedBucketsHistogram", "fieldName": "a", "lowerLimit": 0, "upperLimit": 9}, ".numBuckets",
         "add it"),
        ({"type": "filtered", "filter": {"type": "true"}}, ".aggregator", "add it"),
    ],
)  # fmt: skip
def test_metrics(boundaries: Boundaries, metric: dict[str, Any], field: str, told: str) -> None:
    assert told in found(boundaries, metrics=[{"name": "m"} | metric])[f"metrics[0]{field}"]


def test_a_hadoop_job_needs_a_metric(boundaries: Boundaries) -> None:
    assert "add {type: count, name: count}" in found(boundaries, metrics=[])["metrics"]


def test_partitions_are_made_of_dimensions(boundaries: Boundaries) -> None:
    told = found(boundaries, partitioning={"partition_dimensions": ["page", "Country", "page"]})
    assert "did you mean country?" in told["partitioning.partition_dimensions[1]"]
    assert "second time" in told["partitioning.partition_dimensions[2]"]


def test_patients_are_told_by_a_dimension(boundaries: Boundaries) -> None:
    assert "did you mean country?" in found(boundaries, patient_dimension="Country")["patient_dimension"]
    assert found(boundaries, patient_dimension="country") == {}


@pytest.mark.parametrize("name", ["patient_vitals", "Patient_Vitals"])
def test_a_general_pipeline_names_no_protected_datasource(boundaries: Boundaries, name: str) -> None:
    assert "classification: phi" in found(boundaries, datasource=name)["datasource"]
    told = found(boundaries, inputs=[{"type": "datasource", "datasource": name}])
    assert set(told) == {"inputs[0].datasource"}


@pytest.mark.parametrize("kind", ["druid", "aws"])
def test_connections_stay_within_their_boundary(boundaries: Boundaries, kind: str) -> None:
    assert "classification: phi" in found(boundaries, connections={kind: f"{kind}_phi"})[f"connections.{kind}"]
    told = found(boundaries, **PHI, connections={kind: f"{kind}_general"})
    assert "general boundary's" in told[f"connections.{kind}"]
    assert found(boundaries, connections={kind: f"{kind}_general"}) == {}


def test_a_protected_pipeline_is_named_so(boundaries: Boundaries) -> None:
    told = found(boundaries, classification="phi")["datasource"]
    assert told.startswith("'shop_visits'; phi datasources are named patient_*")
