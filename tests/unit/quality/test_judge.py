"""The verdict on one batch."""

from __future__ import annotations

from druid_reindex.model.expectation import Result
from druid_reindex.quality.expectations import Wanted
from druid_reindex.quality.judge import MOST_FINDINGS, Finding, Judged, judge, of_results, of_types, unfinished

ROWS = Wanted("day", "rows", low=100, high=100)


def test_what_holds_passes() -> None:
    verdict = judge(0, [ROWS], {("day", "rows", ""): 100})
    assert verdict.to_record() == {"protocol": 1, "batch": 0, "verdict": "passed", "findings": []}


def test_what_does_not_hold_is_a_finding_in_numbers() -> None:
    verdict = judge(1, [ROWS], {("day", "rows", ""): 99})
    assert verdict.verdict is Judged.FAILED
    assert verdict.to_record()["findings"] == [{"chunk": "day", "check": "rows", "found": "99", "wanted": "100"}]
    assert str(verdict.findings[0]) == "day: rows: 99, wanted 100"


def test_what_could_not_be_read_does_not_pass() -> None:
    verdict = judge(0, [ROWS], {})
    assert (verdict.verdict, verdict.findings[0].found) == (Judged.FAILED, "could not be read")


def test_an_expectation_that_does_not_hold_fails_the_batch_and_so_does_one_unread() -> None:
    results = [
        Result("expect_a", True, "x"), Result("expect_b", False, "min 1"), Result("expect_c", None, "y", "RefusedError")
    ]  # fmt: skip
    findings = of_results("a/b", results)
    assert [each.check for each in findings] == ["expect_b", "expect_c"]
    assert [each.found for each in findings] == ["does not hold", "could not be read: RefusedError"]
    assert judge(0, [], {}, findings).verdict is Judged.FAILED


def test_a_column_of_another_type_is_a_finding_and_one_that_is_not_stored_is_none() -> None:
    wanted = {"code": "STRING", "events": "LONG", "units": "STRING"}
    findings = of_types("a/b", wanted, {"code": "LONG", "events": "LONG", "other": "LONG"})
    assert [str(each) for each in findings] == ["a/b: schema type of code: LONG, wanted STRING"]


def test_a_batch_without_a_result_is_unfinished() -> None:
    assert unfinished(2).to_record()["verdict"] == "unfinished"


def test_of_very_many_findings_the_first_are_kept_and_all_counted() -> None:
    many = [Finding("c", str(n), "1", "0") for n in range(MOST_FINDINGS + 5)]
    record = judge(0, [], {}, many).to_record()
    assert (len(record["findings"]), record["findings_in_all"]) == (MOST_FINDINGS, MOST_FINDINGS + 5)
