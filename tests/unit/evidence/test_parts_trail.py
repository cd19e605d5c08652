"""The parts of a supplement."""

from __future__ import annotations

import json

from druid_reindex.evidence.parts import Kind, State
from druid_reindex.evidence.parts_trail import Findings, Journal, Unexplained, told_by_trail
from told_nights import FOREIGN


def test_a_part_is_json_with_its_kind() -> None:
    part = told_by_trail(Findings((FOREIGN,)))
    assert (part.kind, part.state) == (Kind.FINDINGS, State.TOLD)
    told = json.loads(json.dumps(part.body))["findings"][0]
    assert (told["rows"], told["patients"]) == (4120, None)
    assert told_by_trail(Journal(())).kind is Kind.JOURNAL


def test_the_verdicts_are_those_of_the_reconciliation() -> None:
    assert {each.value for each in Unexplained} == {
        "missing", "trail-gap", "foreign", "beyond its declaration", "S3", "ambiguous", "not-logged",
    }  # fmt: skip
