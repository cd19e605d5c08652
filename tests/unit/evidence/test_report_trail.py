"""What CloudTrail says of the night."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.report import Level
from druid_reindex.evidence.report_timeline import TOUCHED, moments_of
from druid_reindex.evidence.report_trail import (
    WORKSHEET,
    coverage_table,
    share,
    touched_tables,
    trail_findings,
    unlogged_table,
    worksheet,
)
from told_nights import FOREIGN, MISSING, confirmed, evidence, night


@pytest.mark.parametrize(
    ("verdict", "level"),
    [
        (Unexplained.MISSING, Level.RED),
        (Unexplained.TRAIL_GAP, Level.RED),
        (Unexplained.FOREIGN, Level.AMBER),
        (Unexplained.BEYOND, Level.AMBER),
        (Unexplained.AGENT, Level.AMBER),
        (Unexplained.AMBIGUOUS, Level.AMBER),
    ],
)
def test_each_verdict_has_its_level(verdict: Unexplained, level: Level) -> None:
    (found,) = trail_findings(evidence(night(supplement=confirmed(replace(FOREIGN, verdict=verdict)))))
    assert found.level is level
    assert "analytics/jo" in found.what
    assert "3 times" in found.what
    assert found.where == FOREIGN.resource


def test_what_the_selectors_leave_out_is_told_but_is_no_finding() -> None:
    told = evidence(night(supplement=confirmed(replace(FOREIGN, verdict="not-logged"))))
    assert list(trail_findings(told)) == []
    assert not worksheet(told).rows, "nobody has to explain it"
    (row,) = unlogged_table(told).rows
    assert (row[2:]) == (FOREIGN.operation, FOREIGN.resource, FOREIGN.count)
    assert not any(each.lane == TOUCHED for each in moments_of(told))
    assert not unlogged_table(evidence(night(supplement=confirmed(FOREIGN)))).rows


def test_the_worksheet_never_guesses_a_count() -> None:
    foreign, missing = worksheet(
        evidence(night(supplement=confirmed(replace(FOREIGN, counted="by a sketch"), MISSING)))
    ).rows
    row = dict(zip(WORKSHEET, foreign, strict=True))
    assert (row["Rows"], row["Distinct patients"]) == (4120, None)
    assert row["Time chunk (UTC)"] == "2026-10-01T00:00:00.000Z/2026-10-02T00:00:00.000Z"
    assert (row["First seen (UTC)"], row["Discovered (UTC)"]) == (FOREIGN.first_seen, FOREIGN.discovered_at)
    assert row["How counted, or why unknown"] == "by a sketch"
    assert "unconfirmed" in str(missing[0])
    assert "unconfirmed" not in str(foreign[0])


def test_calls_are_told_to_the_second() -> None:
    calls, matches, *_ = touched_tables(evidence(night(supplement=confirmed())))
    for row in (*calls.rows, *matches.rows):
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", str(cell)) for cell in row[-2:]), row
    assert calls.rows
    assert matches.rows


def test_before_cloudtrail_delivers_each_table_says_so() -> None:
    told = evidence(night())
    for table in (*touched_tables(told), coverage_table(told)):
        assert not table.rows
        assert "pending: CloudTrail delivers later" in table.nothing


def test_a_night_that_nobody_else_touched_says_none() -> None:
    assert worksheet(evidence(night(supplement=confirmed()))).nothing == "None."


def test_coverage_has_its_denominators() -> None:
    told = evidence(night(supplement=confirmed(FOREIGN, MISSING)))
    assert coverage_table(told).rows[0] == ("calls of ours", 15, 16, "93.7%")


@pytest.mark.parametrize(
    ("found", "of", "told"), [(1, 1, "100%"), (9999, 10000, "99.9%"), (0, 0, "nothing to confirm"), (0, 3, "0%")]
)
def test_a_share_is_all_only_when_it_is_all(found: int, of: int, told: str) -> None:
    assert share(found, of) == told
