"""What reviewers decided."""

from __future__ import annotations

from druid_reindex.evidence.report_decisions import decisions_table
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.sign_off import Doubtful
from told_nights import decided, evidence, night


def test_each_decision_with_its_identity_and_one_that_proves_nothing_with_its_reason() -> None:
    said = decided("ab" * 32)
    rows = decisions_table([("r", said), ("r", Doubtful("it was changed"))]).rows
    assert list(rows[0]) == [said.at, "Grace", said.identity, "accepted", said.note, said.pack, "ab" * 32]
    assert list(rows[1])[:3] == [None, "not proven", "it was changed"]


def test_the_nights_report_shows_them() -> None:
    report = night_report(evidence(night()), [decided("ab" * 32)])
    assert next(table for table in report.tables() if table.name == "decisions-taken").rows[0][1] == "Grace"
    assert night_report(evidence(night())).level is report.level
