"""The condition operators, row by row from AWS's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from druid_reindex.sandbox.aws.iam import conditions
from druid_reindex.sandbox.aws.iam.conditions import OPERATORS, UnknownOperator

GROUPS = yaml.safe_load((Path(__file__).parent / "conditions.yaml").read_text(encoding="utf-8"))
ROWS = [(group["source"], *row) for group in GROUPS for row in group["rows"]]


def texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in
                 (value if isinstance(value, list) else [value]))  # fmt: skip


@pytest.mark.parametrize(("source", "operator", "key", "wanted", "has", "holds"), ROWS)
def test_an_operator(source: str, operator: str, key: str, wanted: Any, has: Any, holds: bool) -> None:
    context = {"aws:username": ("alice",), "aws:userid": ("AIDA*",)}
    if key.lower() == "aws:username":
        del context["aws:username"]
    if has is not None:
        context[key.lower()] = texts(has)
    assert conditions.read(operator, key, texts(wanted)).holds(context, variables=True) is holds, source


def test_every_operator_has_rows() -> None:
    seen = {operator.lower().rpartition(":")[2].removesuffix("ifexists") for _, operator, *_ in ROWS}
    assert seen == {*OPERATORS, "null"}


@pytest.mark.parametrize("name", ["StringResembles", "NullIfExists", "ForSomeValues:StringEquals", "ForAnyValue:Null"])
def test_an_unknown_operator_is_refused(name: str) -> None:
    with pytest.raises(UnknownOperator, match=name):
        conditions.read(name, "aws:username", ("alice",))
