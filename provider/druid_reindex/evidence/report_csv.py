"""The report's tables as CSV: one file each, safe to open in a spreadsheet.

A cell that a spreadsheet would take for a formula begins with an apostrophe, which spreadsheets read as "this is text".
Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from druid_reindex.evidence.report import Cell, Report, Table, text

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_files(report: Report) -> dict[str, bytes]:
    """Each table by its file's name, in UTF-8 with a byte order mark, by which spreadsheets know the encoding.

    The report's mark, where it has one, is a column of each.
    """
    return {f"{table.name}.csv": csv_of(table, report.mark) for table in report.tables()}


def csv_of(table: Table, mark: str = "") -> bytes:
    """The table; numbers have no separators."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow([*table.columns, *(["Mark"] if mark else [])])
    writer.writerows([_cells(row, mark) for row in table.rows])
    return written.getvalue().encode("utf-8-sig")


def _cells(row: Sequence[Cell], mark: str) -> list[str]:
    return [*map(_cell, row), *([mark] if mark else [])]


def _cell(cell: Cell) -> str:
    if isinstance(cell, int):
        return str(cell)
    told = text(cell)
    return f"'{told}" if told.lstrip(" ").startswith(_FORMULAS) else told
