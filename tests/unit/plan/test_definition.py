"""What of a pipeline decides its segments' content."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.model.pipeline import Pipeline
from druid_reindex.plan.definition import definition_of, is_other
from timelines import pipeline

SCRIPTS = {"unload/claims.sql": "-- owner: us\nSELECT a\n  FROM b\n"}
UNLOAD = {"name": "claims", "sql": "unload/claims.sql", "format": "json"}
FIXED: dict[str, Any] = {
    "datasource": "patient_snapshot",
    "classification": "phi",
    "owner": "clinical-data",
    "description": "rows",
    "dimensions": ["patient_token", {"name": "age", "type": "long"}],
    "metrics": [{"type": "count", "name": "events"}, {"type": "doubleSum", "name": "sum", "fieldName": "value"}],
    "inputs": [{"type": "datasource", "datasource": "patient_vitals"}, {"type": "static", "unload": "claims"}],
    "unloads": [UNLOAD | {"tokens": [{"column": "patient_id", "kind": "patient", "name": "patient_token"}]}],
    "token_key": {"secret_id": "druid-reindex/tokens", "version_id": "7" * 32},
}


def of(*, scripts: dict[str, str] = SCRIPTS, **changes: Any) -> str:
    return definition_of(Pipeline.model_validate(FIXED | changes), scripts)


def test_digests_outlive_releases() -> None:
    """A release that changes one of these rebuilds its users' whole lookback: give the form the next number instead."""
    assert of() == "1:71175a2af79c1b68f043d4b3982d48711ac920e343c3d739b259d864240ca877"
    own = {"inputs": [{"type": "datasource"}], "unloads": [], "token_key": None}
    assert of(**own) == "1:bb224924bb25ad1d1325b8e314884ea61ef1f8f3cddbbe6a031e767da78323f1"
    assert definition_of(pipeline(), {}) == "1:364418915f5bbb9ec5b0ab7b8f27d953f900c22c09e8f0baf2131277a180b795"


@pytest.mark.parametrize(
    "changes",
    [
        {"dimensions": [{"name": "age", "type": "long"}, "patient_token"]},
        {"dimensions": ["patient_token", "age"]},
        {"metrics": [{"type": "count", "name": "events"}]},
        {"metrics": [{"type": "thetaSketch", "name": "t", "fieldName": "code", "size": 1024}]},
        {"granularity": {"segment": "HOUR"}},
        {"granularity": {"query": "HOUR"}},
        {"granularity": {"rollup": True}},
        {"partitioning": {"partition_dimensions": ["age"]}},
        {"inputs": [{"type": "datasource", "datasource": "other"}]},
        {"inputs": [{"type": "static", "paths": ["s3://drx-phi-111122223333/in/"]}]},
        {"unloads": [UNLOAD]},
        {"unloads": [{"name": "claims", "jdbc": {"database": "ehr", "table": "a.b"}, "format": "json"}]},
        {"token_key": {"secret_id": "druid-reindex/tokens", "version_id": "8" * 32}},
        {"scripts": {"unload/claims.sql": "SELECT a FROM c"}},
    ],
)
def test_what_decides_the_content_is_another_definition(changes: dict[str, Any]) -> None:
    assert is_other(of(), of(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"lookback": "P7D"},
        {"description": "other words"},
        {"policy": {"max_chunks": 3}},
        {"cluster": {"profile": "small"}},
        {"partitioning": {"target_rows_per_segment": 1_000}},
        {"scripts": {"unload/claims.sql": "-- owner: they\n\nSELECT a\nFROM b"}},
    ],
)
def test_what_decides_only_when_and_where_is_not(changes: dict[str, Any]) -> None:
    assert of(**changes) == of()


def test_another_form_says_nothing() -> None:
    assert is_other("1:a", "1:b")
    assert not is_other("1:a", "1:a")
    assert not is_other("0:a", "1:b")
    assert not is_other("", "1:b")
