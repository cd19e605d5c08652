"""What an object holds, kept and read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from druid_reindex.model.holding import Holding, read_holding

HOLDING = Holding("s3://b/index.zip", "2026-09-01/2026-09-02", 4120, 371, "by a sketch")


@pytest.mark.parametrize("holding", [HOLDING, Holding("s3://b/part-0", rows=0, how="nobody counts them")])
def test_what_is_kept_is_read_back(holding: Holding) -> None:
    assert read_holding(json.loads(json.dumps(holding.to_record()))) == holding


@pytest.mark.parametrize(
    ("name", "value"),
    [("rows", -1), ("rows", True), ("rows", "4120"), ("patients", 3.5), ("uri", None), ("interval", 7), ("how", None)],
)
def test_what_nobody_can_have_counted_is_refused(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        read_holding(HOLDING.to_record() | {name: value})


@pytest.mark.parametrize("name", ["uri", "interval", "rows", "patients", "how"])
def test_a_field_that_is_missing_is_no_unknown(name: str) -> None:
    with pytest.raises(KeyError):
        read_holding({key: value for key, value in HOLDING.to_record().items() if key != name})
