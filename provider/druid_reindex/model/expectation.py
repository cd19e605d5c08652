"""The expectations that a pipeline may have of what is published: Great Expectations' own names, and their arguments.

Only those that Druid answers with a count are known here: what fetches values of rows to tell them is left out.
Source: https://docs.greatexpectations.io/docs/reference/learn/terms/expectation
Source: https://greatexpectations.io/expectations/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True, slots=True)
class Form:
    """The arguments of one expectation besides ``type``: all of ``required``, at least one of ``some_of``, if any.

    ``numbers`` says that its ``column`` must hold numbers, for a text would be compared letter by letter.
    """

    required: tuple[str, ...] = ("column",)
    some_of: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    numbers: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """All arguments that it knows."""
        return (*self.required, *self.some_of, *self.optional)


_BOUNDS = ("min_value", "max_value")
_STRICT = ("strict_min", "strict_max")
_SET = ("column", "value_set")
_SPAN = Form(some_of=_BOUNDS, optional=_STRICT, numbers=True)
_SHARE = Form(some_of=_BOUNDS, optional=_STRICT)

EXPECTATIONS: Mapping[str, Form] = MappingProxyType(
    {
        "expect_column_to_exist": Form(),
        "expect_column_values_to_not_be_null": Form(optional=("mostly",)),
        "expect_column_values_to_be_null": Form(optional=("mostly",)),
        "expect_column_values_to_be_between": Form(some_of=_BOUNDS, optional=(*_STRICT, "mostly"), numbers=True),
        "expect_column_values_to_be_in_set": Form(_SET, optional=("mostly",)),
        "expect_column_values_to_not_be_in_set": Form(_SET, optional=("mostly",)),
        "expect_column_values_to_be_unique": Form(),
        "expect_compound_columns_to_be_unique": Form(("column_list",)),
        "expect_column_distinct_values_to_be_in_set": Form(_SET),
        "expect_column_distinct_values_to_contain_set": Form(_SET),
        "expect_column_distinct_values_to_equal_set": Form(_SET),
        "expect_column_value_lengths_to_be_between": Form(some_of=_BOUNDS, optional=(*_STRICT, "mostly")),
        "expect_column_value_lengths_to_equal": Form(("column", "value"), optional=("mostly",)),
        "expect_column_min_to_be_between": _SPAN,
        "expect_column_max_to_be_between": _SPAN,
        "expect_column_mean_to_be_between": _SPAN,
        "expect_column_sum_to_be_between": _SPAN,
        "expect_column_unique_value_count_to_be_between": _SHARE,
        "expect_column_proportion_of_non_null_values_to_be_between": _SHARE,
        "expect_table_row_count_to_be_between": Form((), some_of=_BOUNDS),
    }
)


class Expectation(BaseModel):
    """One of ``EXPECTATIONS`` with its arguments, in Great Expectations' own words."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(
        min_length=1,
        description="an expectation such as expect_column_values_to_not_be_null",
        json_schema_extra={"enum": [*sorted(EXPECTATIONS)]},
    )

    @property
    def arguments(self) -> dict[str, Any]:
        """Its arguments by name."""
        return dict(self.model_extra or {})

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it speaks of."""
        named = self.arguments
        return tuple(map(str, (*([named["column"]] if "column" in named else ()), *named.get("column_list", ()))))


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one expectation over a batch; ``held`` is None where it could not be read, and ``reason`` why."""

    expectation: str
    held: bool | None
    wanted: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a suite, in its order: as Great Expectations' own ``document`` too, and as the ``page`` of it."""

    results: tuple[Result, ...]
    document: Mapping[str, Any]
    page: str
