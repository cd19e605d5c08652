"""The report of one run."""

from __future__ import annotations

from dataclasses import replace

import pytest

import told_nights
from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Kind, Part
from druid_reindex.evidence.report import Level, Report, text
from druid_reindex.evidence.report_night import mark_of, night_report
from druid_reindex.evidence.report_read import Evidence, read_packs
from told_nights import FOREIGN, MISSING, confirmed, evidence, files, night
from twins import FakeSigner


def words(report: Report) -> str:
    said = [line for section in report.sections for line in (*section.says, *section.commands)]
    cells = [text(cell) for table in report.tables() for row in table.rows for cell in row]
    return "\n".join([report.title, report.verdict, report.made_of, *said, *cells])


@pytest.mark.parametrize(
    ("supplement", "level", "verdict"),
    [
        (None, Level.AMBER, "4 findings are open"),
        (confirmed(), Level.GREEN, "in order"),
        (confirmed(FOREIGN), Level.AMBER, "1 findings are open"),
        (confirmed(FOREIGN, MISSING), Level.RED, "1 of 2"),
    ],
)
def test_the_verdict(supplement: dict[Kind, Part] | None, level: Level, verdict: str) -> None:
    report = night_report(evidence(night(supplement=supplement)))
    assert report.level is level
    assert verdict in report.verdict


def test_it_opens_with_what_it_cannot_see_and_then_with_what_was_found() -> None:
    report = night_report(evidence(night()))
    assert [section.title for section in report.sections][:2] == ["What this report cannot see", "Findings"]
    told = "\n".join(report.sections[0].says)
    for blind in ("Druid", "HDFS", "Kerberos", "Redshift", "selectors", "matches, which is pending", "emulated"):
        assert blind in told


def test_the_mark_is_there_in_the_sandbox_alone() -> None:
    assert mark_of(evidence(night())) == "trail: emulated"
    told = told_nights.told()
    real = replace(told[Kind.RUN], body={**told[Kind.RUN].body, "trail": "cloudtrail"})
    report = night_report(evidence(night({Kind.RUN: real})))
    assert report.mark == ""
    assert "emulated" not in words(report)


def test_who_asked_and_what_ran() -> None:
    asked = parts.told(parts.Asked("manual", "ada", "a late file", "grace", None, None))
    told = words(night_report(evidence(night({Kind.ASKED: asked}))))
    for word in ("ada (manual)", "a late file", "grace", "BAA-2026-17", "drx-secure-1", "cd" * 32, "4 of 90 chunks"):
        assert word in told
    assert "no person (scheduled)" in words(night_report(evidence(night())))


def test_names_of_sections_and_tables_are_unique() -> None:
    report = night_report(evidence(night()))
    names = [section.name for section in report.sections] + [table.name for table in report.tables()]
    assert len(set(names)) == len(names)
    for table in report.tables():
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_each_kind_of_part_is_listed() -> None:
    table = next(each for each in night_report(evidence(night())).tables() if each.name == "parts-of-packs")
    assert [row[0] for row in table.rows] == [kind.value for kind in Kind]
    assert ("rollback", "absent", "nothing was taken back", "0000.jsonl") in table.rows


def test_the_report_of_changed_evidence_shows_nothing_of_it_and_says_where() -> None:
    (first,) = files(night())
    assert first.lines is not None
    report = night_report(
        read_packs([replace(first, lines=first.lines.replace(b"BAA", b"XXX"))], [FakeSigner().public_key()])
    )
    assert report.level is Level.RED
    assert "XXX-2026-17" in next(iter(report.sections[1].tables)).rows[0][1]  # type: ignore[operator]
    assert "drx-secure-1" not in words(report)
    assert report.made_of == "no pack that is as it was signed"


def test_a_report_of_nothing_at_all_still_is_one() -> None:
    report = night_report(Evidence((), None, {}))
    assert "unknown datasource" in report.title


def test_whatever_a_kind_lacks_the_report_is_made() -> None:
    for kind in Kind:
        if kind is not Kind.RUN:
            for part in (parts.unread(kind, "HTTP 503"), parts.absent(kind, "none"), parts.pending(kind, "later")):
                assert kind.value in words(night_report(evidence(night({kind: part}))))
