"""The value that a report is."""

from __future__ import annotations

import pytest

from druid_reindex.evidence.report import Cell, Finding, Level, Report, Section, Table, findings_table, text, worst


def test_the_worst_level_is_that_of_the_whole() -> None:
    assert worst([Level.GREEN, Level.AMBER, Level.GREEN]) is Level.AMBER
    assert worst([Level.AMBER, Level.RED]) is Level.RED
    assert worst([]) is Level.GREEN


def test_the_worst_findings_come_first_and_equal_ones_keep_their_order() -> None:
    found = [Finding(level, what, "here", "look") for level, what in
             ((Level.AMBER, "a"), (Level.RED, "b"), (Level.AMBER, "c"), (Level.RED, "d"))]  # fmt: skip
    table = findings_table(found, "Nothing.")
    assert [row[1] for row in table.rows] == ["b", "d", "a", "c"]
    assert table.caption.endswith(": 4")


def test_no_two_levels_read_alike_without_colour() -> None:
    words = [level.word for level in Level]
    assert len({word[0] for word in words}) == len(words)
    assert all(level.value in level.word for level in Level)


@pytest.mark.parametrize(
    ("cell", "wanted"), [(None, "unknown"), (1234567, "1,234,567"), (0, "0"), ("=x", "=x"), (Level.RED, "✗ red")]
)
def test_a_cell_as_people_read_it(cell: Cell, wanted: str) -> None:
    assert text(cell) == wanted


def test_tables_in_order() -> None:
    one, two = Table("one", "One", ("a",), ()), Table("two", "Two", ("a",), ())
    report = Report(
        "t", Level.GREEN, "v", "m", "", (Section("s", "S", tables=(one,)), Section("r", "R", tables=(two,)))
    )
    assert list(report.tables()) == [one, two]
