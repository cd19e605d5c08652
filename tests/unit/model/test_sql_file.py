"""The files of sql/ say what they read, what a row is, and whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.model.sql_file import HEADINGS, missing_headings, sql_defect, statement

HEADER = "-- inputs: a\n-- grain:  one row for each a\n-- owner:  us\n"


def test_a_whole_header() -> None:
    assert missing_headings(HEADER + "SELECT 1") == []


@pytest.mark.parametrize("text", ["", "SELECT 1\n" + HEADER, "-- inputs:\n-- grain\n", "/* inputs: a */"])
def test_a_header_that_is_not_there(text: str) -> None:
    assert missing_headings(text) == [*HEADINGS]


def test_a_file_is_there_with_its_header(tmp_path: Path) -> None:
    (tmp_path / "unload").mkdir()
    (tmp_path / "unload" / "good.sql").write_text(HEADER)
    (tmp_path / "unload" / "bare.sql").write_text("-- owner: us\nSELECT 1")
    assert sql_defect(tmp_path, "unload/good.sql") is None
    assert sql_defect(tmp_path, "unload/bare.sql") == (
        "its header comment lacks inputs, grain", "begin the file with `-- inputs: …` and so on",
    )  # fmt: skip
    absent = sql_defect(tmp_path, "unload/none.sql")
    assert absent is not None
    assert "unload/bare.sql, unload/good.sql" in absent[1]


def test_the_statement_is_without_comments_and_space_around_lines() -> None:
    assert statement(HEADER + "\nSELECT a\n  -- why\n  FROM b  \n") == "SELECT a\nFROM b"
