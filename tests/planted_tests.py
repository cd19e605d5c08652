"""What must come of the planted days, wherever they are published: each defect caught by its check, then taken back."""

from __future__ import annotations

from druid_reindex.model.expectation import EXPECTATIONS
from judged_defects import OWN, JudgedRun
from planted_defects import DEFECTS, day_of, rows_of

GOOD = 0


def caught(run: JudgedRun, number: int) -> None:
    """The batch fails by the check that looks for its defect; one without a defect passes."""
    verdict, told = run.verdict(number), DEFECTS[number].told
    checks = [finding["check"] for finding in verdict["findings"]]
    assert verdict["verdict"] == ("failed" if told else "passed"), verdict
    assert any(check == told or check.startswith(f"{told} ") for check in checks) == bool(told), verdict
    unread = [finding for finding in verdict["findings"] if "could not be read" in finding["found"]]
    assert not unread or not DEFECTS[number].change(rows_of(number)), verdict  # a sum over nothing is not read


def wrong_expectation_caught(run: JudgedRun) -> None:
    """A file that expects what is not so fails a good rebuild, and is named alone."""
    wrong = {"type": "expect_column_distinct_values_to_be_in_set", "column": "units", "value_set": ["kg", "cm"]}
    found = [(each.check, each.found) for each in run.judged(GOOD, *OWN, wrong).findings]
    assert found == [("expect_column_distinct_values_to_be_in_set units", "does not hold")]


def each_expectation_answered(run: JudgedRun) -> None:
    """Whether it holds or not: none is refused, or cannot be asked."""
    numbers = {"column": "value_sum", "min_value": 1, "max_value": 5, "strict_min": True, "mostly": 0.5}
    texts = numbers | {"column": "units", "column_list": ["units", "code"], "value": 2, "value_set": ["kg", "it's"]}
    asked = [
        {"type": name}
        | {key: value for key, value in (numbers if form.numbers else texts).items() if key in form.arguments}
        for name, form in EXPECTATIONS.items()
    ]
    findings = run.judged(GOOD, *asked).findings
    assert findings
    assert {each.check.split()[0] for each in findings} <= set(EXPECTATIONS)
    assert not [each for each in findings if "could not be read" in each.found]


def no_value_told(run: JudgedRun) -> None:
    """Neither a verdict nor a page has a value of a row."""
    for number in range(len(DEFECTS)):
        told = f"{run.verdict(number)} {run.page(number)}"
        for row in rows_of(number):
            assert row["patient_token"] not in told
            assert row["code"] not in told


def taken_back(run: JudgedRun) -> None:
    """What was served before is served again; the rows of another writer would be lost, and are named instead."""
    (others,) = [number for number, defect in enumerate(DEFECTS) if defect.appended]
    stopped = run.roll_back()
    assert f"1 chunks: neither the night's nor from before: {day_of(others)}" in stopped, stopped
    now, before = run.served(), run.before
    assert len(now) == len(before) == len(DEFECTS)
    for number, (day, was) in enumerate(zip(now, before, strict=True)):
        assert day == (was if number != others else day), DEFECTS[number].name
    assert now[others]["stored"] == before[others]["stored"] + DEFECTS[others].appended
