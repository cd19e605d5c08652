"""What a pipeline may read."""

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
    "datasource": "shop_snapshot",
    "classification": "general",
    "owner": "shop",
    "description": "Visits and bills.",
    "dimensions": ["page", "country"],
    "metrics": [{"type": "count", "name": "visits"}],
}
OWN = {"type": "datasource"}
OTHER = {"type": "datasource", "datasource": "shop_visits"}
FILES = {"type": "static", "paths": ["s3://drx-general-111122223333/in/"]}
UNLOAD = {"name": "bills", "sql": "unload/bills.sql", "format": "json", "compression": "bzip2"}


@pytest.fixture(scope="module")
def boundaries() -> Boundaries:
    return load_boundaries(ROOT / "emr_configs")


def found(boundaries: Boundaries, *inputs: dict[str, Any], **changes: Any) -> dict[str, str]:
    """What is wrong with the sound pipeline that reads ``inputs``, by field."""
    pipeline = Pipeline.model_validate(SOUND | {"inputs": inputs} | changes)
    defects = [defect for rule in RULES for defect in rule.find(pipeline, boundaries)]
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in defects if each.field[0] != "unloads"}


def test_its_own_segments_or_anothers_with_files_beside_them(boundaries: Boundaries) -> None:
    assert found(boundaries, OWN) == {}
    assert found(boundaries, {"type": "datasource", "datasource": "shop_snapshot"}) == {}
    assert found(boundaries, OTHER) == {}
    assert found(boundaries, OTHER, FILES, FILES) == {}
    assert "keep one" in found(boundaries, OWN, OTHER)["inputs[1]"]


def test_what_is_rolled_up_with_itself_and_a_delta_is_refused(boundaries: Boundaries) -> None:
    rolled = found(boundaries, OWN, FILES, granularity={"rollup": True})["inputs[1]"]
    assert "rolled up with the segments that the same job replaces" in rolled
    assert "read another datasource" in rolled
    assert "once more each night" in found(boundaries, OWN, FILES)["inputs[1]"]
    assert "unknown before they are read" in found(boundaries, FILES)["inputs[0]"]


def test_files_have_one_format_and_one_address(boundaries: Boundaries) -> None:
    assert "write json in each" in found(boundaries, OTHER, FILES, FILES | {"format": "csv"})["inputs[2].format"]
    assert "neither" in found(boundaries, OTHER, {"type": "static"})["inputs[1].paths"]
    both = FILES | {"unload": "bills"}
    assert "write one of them" in found(boundaries, OTHER, both, unloads=[UNLOAD])["inputs[1].paths"]


def test_a_day_is_the_only_word_in_braces(boundaries: Boundaries) -> None:
    daily = {"type": "static", "paths": ["s3://drx-general-111122223333/in/{day}/"]}
    assert found(boundaries, OTHER, daily) == {}
    odd = {"type": "static", "paths": ["s3://drx-general-111122223333/in/{day}/{hour}/"]}
    assert "{day}" in found(boundaries, OTHER, odd)["inputs[1].paths[0]"]


def test_an_unload_that_is_read_is_one_of_the_pipelines_and_of_its_format(boundaries: Boundaries) -> None:
    reads = {"type": "static", "unload": "bills"}
    assert found(boundaries, OTHER, reads, unloads=[UNLOAD], submit="emr_step") == {}
    assert (
        "did you mean bills?"
        in found(boundaries, OTHER, reads | {"unload": "bill"}, unloads=[UNLOAD])["inputs[1].unload"]
    )
    parquet = UNLOAD | {"format": "parquet", "compression": "none"}
    assert "its files are parquet" in found(boundaries, OTHER, reads, unloads=[parquet])["inputs[1].format"]


def test_files_of_an_unload_are_read_by_the_cluster_alone(boundaries: Boundaries) -> None:
    reads = {"type": "static", "unload": "bills"}
    assert "write emr_step" in found(boundaries, OTHER, reads, unloads=[UNLOAD])["submit"]
    assert found(boundaries, OTHER, FILES) == {}


def test_what_is_built_from_another_datasource_is_counted(boundaries: Boundaries) -> None:
    uncounted = [{"type": "doubleSum", "name": "cost", "fieldName": "cost"}]
    assert "by the name that the count has in shop_visits" in found(boundaries, OTHER, metrics=uncounted)["metrics"]
    assert found(boundaries, OWN, metrics=uncounted) == {}


@pytest.mark.parametrize(
    "path",
    [
        "s3://drx-phi-111122223333/",
        "s3://drx-phi-111122223333/runs/x.json",
        "s3://drx-phi-111122223333/*/x.json",
        "s3://drx-logs-111122223333/emr/phi/j-1/",
        "s3://drx-logs-111122223333/emr/",
        "s3://drx-logs-111122223333/emr/p*/",
        "s3://drx-logs-111122223333/e{m}r/x/",
        "s3://drx-logs-111122223333/",
    ],
)
def test_a_general_pipeline_names_no_protected_prefix(boundaries: Boundaries, path: str) -> None:
    told = found(boundaries, OTHER, {"type": "static", "paths": ["s3://drx-general-111122223333/in/", path]})
    assert "classification: phi" in told["inputs[1].paths[1]"]
    assert "inputs[1].paths[0]" not in told
