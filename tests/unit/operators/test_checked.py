"""What was checked, counted: every check and column once, and each that did not hold."""

from __future__ import annotations

import pytest

from druid_reindex.evidence.lineage_facets import Check
from druid_reindex.model.expectation import Expectation, Result
from druid_reindex.operators.checked import checks_of, joined, unjudged
from druid_reindex.operators.judging import Judgement
from druid_reindex.quality.expectations import Wanted
from druid_reindex.quality.judge import Finding, Judged, Verdict, judge, unfinished

WANTED = [
    Wanted("a", "rows", low=1, high=1),
    Wanted("b", "rows", low=1, high=1),
    Wanted("a", "sum", "value", low=1),
    Wanted("a", "time", "2026-09-01T00:00:00.000Z", low=1),
    Wanted("a", "time", "2026-09-01T01:00:00.000Z", low=1),
    Wanted("a", "segments", "versions", high=1),
]
FACTS = {(each.chunk, each.check, each.of): 1.0 for each in WANTED} | {("b", "rows", ""): 2.0}
KNOWN = Expectation.model_validate(
    {"type": "expect_column_values_to_be_in_set", "column": "sex", "value_set": ["canary"]}
)


@pytest.mark.parametrize(("held", "failed"), [(True, 0), (False, 1), (None, 1)])
def test_each_check_of_each_column_is_counted_over_all_chunks(held: bool | None, failed: int) -> None:
    result = Result("expect_column_values_to_be_in_set sex", held, "value_set ['canary']")
    found = checks_of(WANTED, judge(0, WANTED, FACTS).findings, [(KNOWN, result)])
    assert found == (
        Check("rows", None, 2, 1),
        Check("sum", "value", 1, 0),
        Check("time", None, 2, 0),
        Check("segments: versions", None, 1, 0),
        Check("expect_column_values_to_be_in_set", "sex", 1, failed),
    )
    assert "canary" not in str(found)


def test_batches_are_counted_together() -> None:
    one, other = Check("rows", None, 2, 1), Check("rows", None, 3, 0)
    assert joined([one, other, Check("rows", "a", 1, 0)]) == (Check("rows", None, 5, 1), Check("rows", "a", 1, 0))


def test_a_batch_that_could_not_be_judged_does_not_hold() -> None:
    late = Judgement(Verdict(0, Judged.FAILED, (Finding("a", "load", "2 segments left", "each segment served"),)))
    assert unjudged(late) == (Check("batch", None, 1, 1),)
    assert unjudged(Judgement(unfinished(0))) == ()
    told = Judgement(late.verdict, checks=(Check("rows", None, 1, 1),))
    assert unjudged(told) == ()
