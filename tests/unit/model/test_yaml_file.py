"""YAML files whose every field knows its line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.yaml_file import Defect, YamlFile, dotted, read_yaml, shown


def file_of(tmp_path: Path, text: str) -> YamlFile:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return read_yaml(path)


def test_each_field_knows_its_line(tmp_path: Path) -> None:
    file = file_of(tmp_path, "# first\na: 1\nb:\n  - c: 2\n    d:\n      e: 3\n  - f\ng: {h: 4}\n")
    assert file.content == {"a": 1, "b": [{"c": 2, "d": {"e": 3}}, "f"], "g": {"h": 4}}
    lines = {(): 2, ("a",): 2, ("b",): 3, ("b", 0): 4, ("b", 0, "d"): 5, ("b", 0, "d", "e"): 6, ("b", 1): 7}
    assert {field: file.line_of(field) for field in lines} == lines
    assert file.line_of(("g", "h")) == 8


def test_a_field_that_is_not_there_has_the_line_around_it(tmp_path: Path) -> None:
    file = file_of(tmp_path, "a: 1\nb:\n  c: 2\n")
    assert file.line_of(("b", "missing")) == 2
    assert file.line_of(("missing", "too")) == 1
    assert file.line_of(("a", 0)) == 1


def test_merged_and_aliased_fields_stand_where_they_are_written(tmp_path: Path) -> None:
    file = file_of(tmp_path, "base: &base\n  a: 1\n  b: 2\nother:\n  <<: *base\n  b: 3\n")
    assert file.content["other"] == {"a": 1, "b": 3}
    assert file.line_of(("other", "b")) == 6
    assert file.line_of(("other", "a")) == 2


def test_nested_repetitions_are_refused_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        file_of(tmp_path, "a: 1\nb:\n  - c: 1\n    c: 2\na: 3\n")
    assert "a: found the field twice (lines 1 and 5)" in str(refusal.value)
    assert "b[0].c: found the field twice (lines 3 and 4)" in str(refusal.value)


def test_many_aliases_cost_no_time(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    assert len(file_of(tmp_path, bomb).content) == 60


@pytest.mark.parametrize("text", ["1: x\n", "true: x\n", "? [a]\n: x\n", "2026-01-01: x\n"])
def test_field_names_are_text(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="does not read as text; put it in quotes"):
        file_of(tmp_path, text)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigurationError, match=r"x\.yaml: cannot be read: UnicodeDecodeError"):
        read_yaml(tmp_path / "x.yaml")


def test_two_documents_are_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"x\.yaml:2: not YAML"):
        file_of(tmp_path, "a: 1\n---\nb: 2\n")


def test_control_characters_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not YAML"):
        file_of(tmp_path, "a: \x00\n")


def test_defects_are_told_once_by_line(tmp_path: Path) -> None:
    file = file_of(tmp_path, "a: 1\nb: 2\n")
    file.refuse([])
    late, early = Defect(("b",), "2", "write 3"), Defect(("a",), "1", "write 4")
    with pytest.raises(ConfigurationError) as refusal:
        file.refuse([late, early, late])
    first, second = (f"{file.path}:1: a: found 1; write 4", f"{file.path}:2: b: found 2; write 3")
    assert f"\n{first}\n{second}\n" in str(refusal.value)


def test_fields_are_dotted() -> None:
    assert dotted(("metrics", 1, "type")) == "metrics[1].type"
    assert dotted(()) == "(the whole file)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("a", "'a'"),
        (7, "7"),
        ({"user": 1, "password": "hunter2"}, "a mapping of user, password"),
        ({}, "an empty mapping"),
        ([1, 2], "a list of 2"),
        ((), "an empty list"),
        (datetime.date(2026, 9, 1), "the date 2026-09-01"),
        ("https://user:hunter2@host/x", "'https://…@host/x'"),
        ("x" * 200, "'" + "x" * 79 + "…"),
    ],
)
def test_values_are_shown_in_yamls_words_and_without_passwords(value: object, text: str) -> None:
    assert shown(value) == text
