"""The lists of what may be said name things that sqlglot has, and nothing that Redshift lacks."""

from __future__ import annotations

import pytest
from sqlglot import exp

from druid_reindex.sandbox.aws.redshift import allowed


@pytest.mark.parametrize("listed", [allowed.STATEMENTS, allowed.PARTS, allowed.GRAMMATICAL])
def test_kinds_are_sqlglots(listed: frozenset[str]) -> None:
    assert listed
    assert not [name for name in listed if not hasattr(exp, name)]


def test_types_are_sqlglots() -> None:
    assert {each.value for each in exp.DataType.Type} >= allowed.TYPES


@pytest.mark.parametrize("name", ["generate_series", "string_agg", "array_agg", "pg_sleep", "jsonb_build_object"])
def test_functions_of_postgresql_alone_are_not_listed(name: str) -> None:
    assert name not in allowed.FUNCTIONS


def test_parts_that_let_postgresql_through_are_not_listed() -> None:
    assert not allowed.PARTS & {
        "OnConflict",
        "Returning",
        "Array",
        "Bracket",
        "Command",
        "Lock",
        "Parameter",
        "Lateral",
    }
