"""What somebody must look at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Kind, Part
from druid_reindex.evidence.report import Level
from druid_reindex.evidence.report_findings import citation, findings_of
from druid_reindex.evidence.report_read import read_packs
from druid_reindex.posture.findings import Finding as RealFinding
from told_nights import RULE, confirmed, evidence, files, night, record, rules
from twins import FakeSigner

SHUT = RULE | {"status": "fail", "closes_gate": True, "seen": "no Deny"}
FAILED = {"verdict": "failed", "batch": 1, "findings": [{"chunk": "c", "check": "rows", "found": "1", "wanted": "2"}]}


def test_a_good_night_that_cloudtrail_confirms_has_none() -> None:
    assert findings_of(evidence(night(supplement=confirmed()))) == []


def test_a_night_that_waits_for_cloudtrail_is_open_not_good() -> None:
    found = findings_of(evidence(night()))
    assert {each.level for each in found} == {Level.AMBER}
    assert len(found) == 4
    assert "still to come" in found[0].what


@pytest.mark.parametrize(
    ("part", "level", "words"),
    [
        (parts.told(parts.Tasks((parts.Task("reindex", "failed"),))), Level.RED, "The task failed"),
        (parts.told(parts.Posture(record("p", rules(SHUT, judged_at="")))), Level.RED, "S3-01"),
        (parts.told(parts.Attestation(record("a", rules(SHUT, judged_at="")))), Level.RED, "no Deny"),
        (parts.told(parts.Posture(record("p", rules(RULE | {"status": "excepted"}, judged_at="")))), Level.AMBER,
         "[45 CFR 164.312(a)(2)(iv), unconfirmed]"),
        (parts.told(parts.Quality((record("v", FAILED),), ())), Level.RED, "Batch 1 was judged failed: 1 things"),
        (parts.told(parts.Rollback((record("r", {}),))), Level.AMBER, "taken back"),
        (parts.told(parts.Objects((parts.StoredFile("s3://b/i.zip", "e", ""),), ("v_gone",))), Level.RED, "no KMS key"),
        (parts.unread(Kind.PLAN, "HTTP 503"), Level.AMBER, "could not be read: HTTP 503"),
    ],
)  # fmt: skip
def test_each_kind_of_trouble_is_one_finding(part: Part, level: Level, words: str) -> None:
    (found,) = findings_of(evidence(night({part.kind: part}, supplement=confirmed() | {part.kind: part})))
    assert found.level is level
    assert words in found.what
    assert found.where
    assert found.todo


def test_changed_evidence_is_the_first_finding_and_red() -> None:
    (first,) = files(night())
    assert first.lines is not None
    changed = read_packs([replace(first, lines=first.lines[:-30])], [FakeSigner().public_key()])
    found = findings_of(changed)
    assert found[0].level is Level.RED
    assert "was changed" in found[0].what


def test_rules_that_hold_or_do_not_apply_are_no_findings() -> None:
    held = [RULE, RULE | {"status": "not_applicable"}]
    part = parts.told(parts.Posture(record("p", rules(*held, judged_at=""))))
    assert findings_of(evidence(night({Kind.POSTURE: part}, supplement=confirmed()))) == []


@pytest.mark.parametrize(
    ("sections", "wanted"),
    [
        ("164.312(a)", " [45 CFR 164.312(a), unconfirmed]"),
        (["a", "b"], " [45 CFR a; b, unconfirmed]"),
        ([], ""),
        ("", ""),
    ],
)
def test_a_citation_carries_its_mark(sections: object, wanted: str) -> None:
    assert citation(sections) == wanted


def test_the_rule_of_these_tests_has_the_fields_of_the_real_report() -> None:
    assert set(RULE) == {*RealFinding.__dataclass_fields__, "closes_gate"}
