"""What a pipeline may expect of its segments: expectations that are known, with arguments that fit its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.expectation import EXPECTATIONS, Expectation, Form
from druid_reindex.model.field_errors import did_you_mean
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]
TIME = "__time"
_NUMERIC_METRICS = ("count", "long", "float", "double")
_WHOLE = {"expect_table_row_count_to_be_between", "expect_column_unique_value_count_to_be_between",
          "expect_column_value_lengths_to_be_between", "expect_column_value_lengths_to_equal"}  # fmt: skip


def sound_expectations(pipeline: Pipeline, _: Boundaries) -> Found:
    """Expectations that do not exist, columns that the pipeline has not, arguments that cannot work."""
    columns = columns_of(pipeline)
    for i, expectation in enumerate(pipeline.expectations):
        at: FieldPath = ("expectations", i)
        form = EXPECTATIONS.get(expectation.type)
        if form is None:
            hint = did_you_mean(expectation.type, EXPECTATIONS) or f"write one of {', '.join(EXPECTATIONS)}"
            yield Defect((*at, "type"), shown(expectation.type), f"no expectation that Druid can answer; {hint}")
            continue
        yield from _known(at, expectation, form)
        yield from _columns(at, expectation, form, columns)
        yield from _values(at, expectation, columns)


def columns_of(pipeline: Pipeline) -> dict[str, bool]:
    """The pipeline's columns, and whether each holds numbers that Druid compares as such."""
    metrics = {metric.name: metric.type.startswith(_NUMERIC_METRICS) for metric in pipeline.metrics}
    return {TIME: False} | {each.name: each.type != "string" for each in pipeline.dimensions} | metrics


def _known(at: FieldPath, expectation: Expectation, form: Form) -> Found:
    given = expectation.arguments
    for name in sorted(given.keys() - set(form.arguments)):
        hint = did_you_mean(name, form.arguments) or f"it knows {', '.join(form.arguments)}"
        yield Defect((*at, name), f"{shown(given[name])} in an argument that does not exist", hint)
    for name in form.required:
        if given.get(name) is None:
            yield Defect((*at, name), "nothing", f"{expectation.type} needs {name}: add it")
    if form.some_of and not any(given.get(name) is not None for name in form.some_of):
        remedy = f"{expectation.type} needs {' or '.join(form.some_of)}"
        yield Defect((*at, form.some_of[0]), "nothing", remedy)


def _columns(at: FieldPath, expectation: Expectation, form: Form, columns: Mapping[str, bool]) -> Found:
    given = expectation.arguments
    listed = given.get("column_list")
    named = [((*at, "column"), given["column"])] if given.get("column") is not None else []
    if isinstance(listed, list | tuple):
        named += [((*at, "column_list", j), name) for j, name in enumerate(listed)]
        if len(listed) < 2:
            yield Defect((*at, "column_list"), shown(listed), "name two columns or more")
    elif listed is not None:
        yield Defect((*at, "column_list"), shown(listed), "write a list of columns")
    for place, name in named:
        if name not in columns:
            hint = did_you_mean(name, columns) or f"write one of {', '.join(columns)}"
            yield Defect(place, shown(name), f"no column of this pipeline; {hint}")
        elif form.numbers and not columns[name]:
            yield Defect(place, shown(name), f"{expectation.type} compares numbers: name a column of numbers")


def _values(at: FieldPath, expectation: Expectation, columns: Mapping[str, bool]) -> Found:
    given = expectation.arguments
    for name, value in given.items():
        wrong = _wrong(expectation.type, name, value)
        if wrong:
            yield Defect((*at, name), shown(value), wrong)
    low, high = given.get("min_value"), given.get("max_value")
    if _is_number(low) and _is_number(high) and low > high:
        yield Defect((*at, "min_value"), shown(low), f"above max_value {shown(high)}: exchange them")
    values, numbers = given.get("value_set"), columns.get(str(given.get("column")))
    if _is_set(values) and numbers is not None and numbers != _is_number(values[0]):
        kind = "numbers, without quotes" if numbers else "texts, in quotes"
        yield Defect((*at, "value_set"), shown(values[0]), f"the column {given['column']} holds {kind}")


def _wrong(kind: str, name: str, value: Any) -> str:
    """What is wrong with an argument's value; empty when nothing is."""
    match name:
        case "min_value" | "max_value" | "value" if not _is_number(value):
            return "write a number, without quotes"
        case "min_value" | "max_value" | "value" if kind in _WHOLE and (value < 0 or value != int(value)):
            return "it is counted: write a whole number, 0 or more"
        case "strict_min" | "strict_max" if not isinstance(value, bool):
            return "write true or false, without quotes"
        case "mostly" if not _is_number(value) or not 0 < value <= 1:
            return "write a share above 0, up to 1, such as 0.99"
        case "value_set" if not _is_set(value):
            return "write a list of texts or numbers, all of one kind"
    return ""


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_set(value: Any) -> TypeGuard[Sequence[Any]]:
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(isinstance(each, str) for each in value) or all(map(_is_number, value))
