"""The tables as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from druid_reindex.evidence.report import Level, Table
from druid_reindex.evidence.report_csv import csv_files, csv_of
from druid_reindex.evidence.report_night import night_report
from told_nights import FOREIGN, confirmed, evidence, night


def rows(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " ="])
def test_no_cell_is_a_formula(start: str) -> None:
    ((_, cell),) = rows(csv_of(Table("t", "T", ("a", "b"), [(1, f"{start}HYPERLINK(1)")])))[1:]
    assert cell.lstrip(" ")[0] not in "=+-@\t\r\n"


def test_numbers_levels_and_what_is_unknown() -> None:
    table = Table("t", "T", ("a", "b", "c", "d"), [(-1234567, Level.RED, None, 'a "quoted", text')])
    assert rows(csv_of(table)) == [["a", "b", "c", "d"], ["-1234567", "✗ red", "unknown", 'a "quoted", text']]


def test_one_file_a_table_each_row_with_the_mark() -> None:
    report = night_report(evidence(night(supplement=confirmed(FOREIGN))))
    files = csv_files(report)
    assert set(files) == {f"{table.name}.csv" for table in report.tables()}
    head, row = rows(files["unexplained.csv"])
    assert head[-1] == "Mark"
    assert row[-1] == "trail: emulated"
    assert row[head.index("Distinct patients")] == "unknown"
