"""One task's share of a night's evidence."""

from __future__ import annotations

from dataclasses import replace

from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.parts_trail import Calls, Findings, Journal, Match, Matches, Touched, told_by_trail
from druid_reindex.evidence.report import Level, Report, Table
from druid_reindex.evidence.report_html import html
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.evidence.report_task import TaskOfRun, task_report
from druid_reindex.evidence.verify import Files
from told_nights import FOREIGN, MISSING, evidence, files, night
from twins import FakeSigner

TASK = TaskOfRun("nightly", "manual__1", "reindex", 1)
OTHERS = ("reindex.10.1", "reindex.0.1", "plan.-1.1", "more.reindex.1.1")
DATASETS = {
    "reads": [["s3://bucket", "unload/a"], ["druid://h:1", "raw"]],
    "writes": [["druid://h:1", "patient_vitals"]],
}
AT = "2026-10-06T06:30:01+00:00"


def told(*findings: Touched) -> Evidence:
    """A night in which this task, tried twice, and others have called."""
    tasks = ("reindex.1.1", "reindex.1.2", *OTHERS)
    calls = [Calls(task, "s3.amazonaws.com", "PutObject", 3, 0, AT, AT) for task in tasks]
    matches = [Match("E1", task, "s3.amazonaws.com", "PutObject", 3, AT, AT) for task in tasks]
    bodies = (Journal(calls), Matches(matches, ()), Findings(findings))
    return evidence(night(supplement={part.kind: part for part in map(told_by_trail, bodies)}))


def table(report: Report, name: str) -> Table:
    return next(each for each in report.tables() if each.name == name)


def test_it_tells_the_calls_of_all_tries_of_this_task_alone() -> None:
    made = task_report(TASK, DATASETS, told())
    assert made.level is Level.GREEN
    assert made.title == "Task reindex[1] of nightly"
    assert [row[0] for row in table(made, "calls").rows] == ["reindex.1.1", "reindex.1.2"]
    assert [row[1] for row in table(made, "matches").rows] == ["reindex.1.1", "reindex.1.2"]
    assert made.mark == "trail: emulated"


def test_a_call_of_it_that_is_missing_is_a_finding_and_what_others_lack_is_none() -> None:
    lacks = replace(MISSING, principal="reindex.1.2")
    made = task_report(TASK, DATASETS, told(lacks, replace(MISSING, principal="reindex.10.1"), FOREIGN))
    assert made.level is Level.RED
    (finding,) = table(made, "findings").rows
    assert "reindex.1.2" in str(finding[1])
    assert len(table(made, "unexplained").rows) == 1


def test_before_cloudtrail_has_delivered_it_is_not_good_and_says_what_is_to_come() -> None:
    made = task_report(TASK, DATASETS, evidence(night()))
    assert made.level is Level.AMBER
    assert [row[1] for row in table(made, "findings").rows] == [
        f"The part {kind} is still to come: CloudTrail delivers later"
        for kind in (Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS)
    ]


def test_before_there_is_a_pack_the_datasets_are_told_already() -> None:
    made = task_report(TASK, DATASETS, None)
    assert made.level is Level.AMBER
    assert "left no pack yet" in made.verdict
    assert len(table(made, "datasets").rows) == 3


def test_changed_packs_are_red_whatever_the_task_did() -> None:
    (pack,) = files(night())
    assert pack.lines is not None
    changed = Files(pack.sequence, pack.lines.replace(b"BAA", b"XXX"), pack.envelope)
    made = task_report(TASK, {}, read_packs([changed], [FakeSigner().public_key()]))
    assert made.level is Level.RED
    assert "changed" in str(table(made, "findings").rows[0][1])


def test_its_lineage_is_drawn_and_told() -> None:
    made = task_report(TASK, DATASETS, told())
    assert table(made, "datasets").rows == [
        ("read", "s3://bucket", "unload/a"), ("read", "druid://h:1", "raw"),
        ("written", "druid://h:1", "patient_vitals"),
    ]  # fmt: skip
    figure = next(section.figure for section in made.sections if section.figure)
    assert "unload/a" in figure.says
    assert figure.says.endswith("patient_vitals;   druid://h:1")


def test_many_datasets_are_counted_in_the_drawing_and_all_told_in_the_table() -> None:
    many = {"reads": [["s3://bucket", f"part/{number}"] for number in range(9)], "writes": []}
    made = task_report(TASK, many, told())
    figure = next(section.figure for section in made.sections if section.figure)
    assert "and 3 more" in figure.says
    assert "nothing written" in figure.says
    assert len(table(made, "datasets").rows) == 9


def test_a_task_that_moves_no_data_says_so_and_what_it_told_is_escaped() -> None:
    made = task_report(TaskOfRun("nightly", "manual__1", "plan"), {}, told())
    assert not any(section.figure for section in made.sections)
    assert "moves no data" in table(made, "datasets").nothing
    page = html(task_report(TASK, {"reads": [["<b>", "<script>"]]}, told())).decode()
    assert "<script>" not in page
    assert "<b>" not in page
