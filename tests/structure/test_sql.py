"""The files of sql/: headed, rendered without formatting values into them, and such as Redshift's scripts take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from druid_reindex.model.sql_file import missing_headings
from druid_reindex.plan.sql import bind, first_word

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "sql").rglob("*.sql"))
PARAMETERS = {"interval_start": "2026-09-01 00:00:00", "interval_end": "2026-09-02 00:00:00"}
by_name = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")


def test_there_are_files_of_both_kinds() -> None:
    assert {path.parent.name for path in FILES} >= {"unload", "load"}


@by_name
def test_a_header_names_inputs_grain_and_owner(path: Path) -> None:
    assert missing_headings(path.read_text()) == []


@by_name
def test_what_is_rendered_is_quoted(path: Path) -> None:
    for expression in re.findall(r"{{(.*?)}}", path.read_text(), re.DOTALL):
        assert re.search(r"\|\s*(literal|identifier)\s*$", expression.strip()), expression


@by_name
def test_an_unload_is_one_select_and_a_load_has_definitions(path: Path) -> None:
    words = [first_word(statement) for statement in bind(path.read_text(), PARAMETERS)]
    if path.parent.name == "unload":
        assert words in (["SELECT"], ["WITH"])
    else:
        assert words
        assert set(words) <= {"CREATE", "ALTER", "GRANT", "REVOKE", "COMMENT"}
