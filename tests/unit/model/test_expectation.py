"""The expectations that a pipeline may have."""

from __future__ import annotations

import pytest

from druid_reindex.model.expectation import EXPECTATIONS, Expectation


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_each_is_told_what_it_is_about(name: str) -> None:
    form = EXPECTATIONS[name]
    assert form.required or form.some_of
    assert len(set(form.arguments)) == len(form.arguments)


def test_its_columns_and_arguments() -> None:
    unique = Expectation.model_validate({"type": "expect_compound_columns_to_be_unique", "column_list": ["a", "b"]})
    assert unique.columns == ("a", "b")
    null = Expectation.model_validate({"type": "expect_column_values_to_be_null", "column": "a", "mostly": 0.5})
    assert (null.columns, null.arguments) == (("a",), {"column": "a", "mostly": 0.5})
    assert Expectation(type="expect_table_row_count_to_be_between").columns == ()
