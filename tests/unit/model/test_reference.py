"""The page of fields names each field that the models have."""

from __future__ import annotations

from druid_reindex.model.boundary import Boundary, Network
from druid_reindex.model.pipeline import Partitioning, Pipeline, Policy
from druid_reindex.model.profile import ClusterProfile, InstanceGroup
from druid_reindex.model.reference import reference

PAGE = reference()
ROWS = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}


def test_every_field_has_its_row() -> None:
    for model, prefix in (
        (Pipeline, ""),
        (Policy, "policy."),
        (Partitioning, "partitioning."),
        (ClusterProfile, ""),
        (InstanceGroup, "instance_groups[]."),
        (Boundary, "phi."),
        (Network, "phi.network."),
    ):
        assert {f"{prefix}{name}" for name in model.model_fields} <= ROWS.keys(), model


def test_a_row_says_what_works_and_the_default() -> None:
    assert ROWS["lookback"] == '| `lookback` | how far back chunks are looked at, such as P60D | `"P60D"` |'
    assert ROWS["owner"].endswith("datasource |  |")
    assert ROWS["policy"].endswith("| see below |")
    assert ROWS["unloads[].name"].endswith("|  |")
    assert ROWS["job.properties"].endswith("| left out |")


def test_two_fields_of_one_kind_are_told_once() -> None:
    assert ROWS["general"].endswith("| fields as in `phi` |")
    assert not [name for name in ROWS if name.startswith("general.")]


def test_a_table_has_three_columns_in_each_row() -> None:
    assert {row.replace("\\|", "").count("|") for row in ROWS.values()} == {4}
