"""What a night's packs come to in its summary: shares with their numbers, classes, what a person must look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import packs
from druid_reindex.clients.evidence_summary import Coverage, EvidenceSummary
from druid_reindex.evidence.pack import draft
from druid_reindex.evidence.parts import Kind, Part
from druid_reindex.evidence.parts_trail import Findings, Match, Matches, Touched, Unexplained, told_by_trail
from druid_reindex.evidence.reconcile import Reconciliation
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.evidence.trail_parts import matches_body
from twins import FakeSigner

PACK, PAGE = "s3://drx-evidence/phi/packs/v/r/0001.jsonl", "reports/evidence-v-r.html"
AT = "2026-10-06T02:31:00+00:00"


def told_by(*parts: Part) -> Evidence:
    """What a pack tells that has these parts in place of its own."""
    signer, changed = FakeSigner(), {part.kind: part for part in parts}
    made = draft([changed.get(part.kind, part) for part in packs.told()])
    pack = made.seal(signer.sign(made.signed), signer.public_key().fingerprint)
    return read_packs([packs.files(pack)], [signer.public_key()])


def matches(*found: tuple[str, int]) -> Part:
    made = [Match(how, "reindex", "s3.amazonaws.com", "GetObject", count, AT, AT) for how, count in found]
    shares = matches_body(Reconciliation(packs.RUN), ()).coverage
    numbers = [(9, 10), (4, 5), (10, 12), (12, 12)]
    told = [type(each)(each.what, *pair) for each, pair in zip(shares, numbers, strict=True)]
    return told_by_trail(Matches(made, told))


def findings(*verdicts: str) -> Part:
    made = [Touched(each, "p", "s3", "GetObject", f"arn:{n}", 3, AT, AT, AT) for n, each in enumerate(verdicts)]
    return told_by_trail(Findings(made))


def summary(*parts: Part) -> EvidenceSummary:
    first = EvidenceSummary("s3://drx-evidence/phi/packs/v/r/0000.jsonl", ["journal"], [])
    return first.confirmed(PACK, told_by(*parts), PAGE)


def shown(*parts: Part) -> Sequence[str]:
    return "\n".join(summary(*parts).rows().values()).splitlines()


def test_a_night_that_agrees_with_cloudtrail() -> None:
    found = summary(matches(("E1", 8), ("declared", 4), ("E1", 1)), findings())
    assert (found.pack, found.report) == (PACK, PAGE)
    assert found.coverage == Coverage(matched=9, recorded=10, explained=4, touched=5)
    assert found.matches == {"E1": 9, "declared": 4}
    assert (found.findings, found.unexplained) == ({}, {})
    assert (found.pending, found.unread) == (["journal", "witnesses"], ["attestation"])
    assert found.rows() == {
        "evidence": f"{PACK}, not read: attestation",
        "evidence: coverage": "9 of 10 recorded calls found in CloudTrail, 4 of 5 events explained (9 E1, 4 declared)",
        "evidence: findings": "nothing unexplained",
        "evidence: report": PAGE,
    }


def test_findings_are_counted_by_class_and_what_is_not_logged_needs_no_look() -> None:
    told = findings(Unexplained.FOREIGN, Unexplained.FOREIGN, Unexplained.MISSING, Unexplained.NOT_LOGGED)
    found = summary(matches(), told)
    assert found.findings == {"foreign": 2, "missing": 1, "not-logged": 1}
    assert found.unexplained == {"foreign": 2, "missing": 1}
    assert "2 foreign, 1 missing; 1 kinds of calls that the trail does not record" in shown(matches(), told)


def test_a_night_that_was_not_laid_beside_cloudtrail_says_nothing_of_it() -> None:
    found = summary()
    assert (found.coverage, found.matches, found.findings) == (None, {}, None)
    assert {Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS} <= set(found.pending)
    assert set(found.rows()) == {"evidence", "evidence: report"}


def test_a_finding_is_told_before_all_is_known() -> None:
    found = summary(findings(Unexplained.FOREIGN))
    assert (found.coverage, found.unexplained) == (None, {"foreign": 1})


def test_what_changed_packs_told_is_not_believed() -> None:
    nothing = EvidenceSummary("s3://b/0000.jsonl").confirmed("s3://b/0000.jsonl", Evidence((), None, {}), PAGE)
    assert (nothing.coverage, nothing.findings, nothing.pending) == (None, None, [])


def test_without_a_pack_there_is_no_row_and_the_json_says_none() -> None:
    assert EvidenceSummary().rows() == {}
    assert asdict(EvidenceSummary())["coverage"] is None
    assert asdict(summary(matches()))["coverage"] == {"matched": 9, "recorded": 10, "explained": 4, "touched": 5}
