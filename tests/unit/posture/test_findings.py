"""What a report says, and when it lets a night go on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from druid_reindex.posture.findings import Finding, Gate, Phase, PostureReport, Status, as_json, lines
from posture_facts import AT

PASSED = Finding("S3-01", "Puts", Gate.HARD, Status.PASS, "s3://b", "denied", "", ("164.312(a)(2)(iv)",))


def report(*findings: Finding) -> PostureReport:
    return PostureReport("vitals", Phase.PRE, AT, findings)


@pytest.mark.parametrize(
    ("status", "gate", "is_open"),
    [
        (Status.PASS, Gate.HARD, True),
        (Status.EXCEPTED, Gate.HARD, True),
        (Status.NOT_APPLICABLE, Gate.HARD, True),
        (Status.FAIL, Gate.HARD, False),
        (Status.UNKNOWN, Gate.HARD, False),
        (Status.FAIL, Gate.WARN, True),
    ],
)
def test_fail_and_unknown_on_a_hard_rule_close_the_gate(status: Status, gate: Gate, *, is_open: bool) -> None:
    judged = report(PASSED, replace(PASSED, status=status, gate=gate))
    assert judged.is_open is is_open
    assert len(judged.closing) == (not is_open)


def test_no_finding_opens_nothing() -> None:
    assert not report().is_open


def test_the_worst_of_a_resource() -> None:
    others = [replace(PASSED, status=each) for each in (Status.UNKNOWN, Status.NOT_APPLICABLE)]
    assert report(PASSED, *others, replace(PASSED, resource="s3://c")).verdicts() == {
        "s3://b": Status.UNKNOWN,
        "s3://c": Status.PASS,
    }


def test_a_report_as_json() -> None:
    told = json.loads(as_json(report(PASSED, replace(PASSED, status=Status.FAIL, remedy="add a Deny"))))
    assert (told["protocol"], told["phase"], told["is_open"]) == (1, "pre", False)
    assert told["counts"]["fail"] == 1
    assert [each["closes_gate"] for each in told["findings"]] == [False, True]
    assert told["findings"][1]["hipaa"] == ["164.312(a)(2)(iv)"]


def test_one_line_a_finding() -> None:
    (line,) = lines([replace(PASSED, status=Status.FAIL, seen="no Deny", remedy="add one")]).splitlines()
    assert line == "S3-01 Puts: fail on s3://b: no Deny. What to do: add one"
