"""JSON lines as rows."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift.records import rows
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal


def read(lines: list[bytes], how: str = "auto", paths: list[str] | None = None) -> tuple[str, list[tuple[int, str]]]:
    wrong: list[tuple[int, str]] = []
    found = rows(lines, ["a", "b"], how, paths, lambda line, said: wrong.append((line, said)))
    return b"".join(found).decode(), wrong


def test_values_and_what_is_absent() -> None:
    text, wrong = read([b'{"a": 1.10, "b": "x\\ty\\n\\\\"}\n', b"\n", b'{"b": true, "c": 9}\n', b'{"a": {"k": [1]}}\n'])
    assert text == '1.10\tx\\ty\\n\\\\\n\\N\tt\n{"k": [1]}\t\\N\n'
    assert wrong == []


def test_lines_that_are_no_record_are_told_by_their_number() -> None:
    text, wrong = read([b'{"a": 1}\n', b"[1]\n", b"{\n"])
    assert text == "1\t\\N\n"
    assert [line for line, _ in wrong] == [2, 3]


def test_names_in_another_case_and_by_paths() -> None:
    assert read([b'{"A": 1, "b": 2}'])[0] == "\\N\t2\n"
    assert read([b'{"A": 1, "b": 2}'], "auto ignorecase")[0] == "1\t2\n"
    assert read([b'{"x": 1, "y": 2}'], "s3://b/p", ["$.x", "$['y']"])[0] == "1\t2\n"


@pytest.mark.parametrize(("how", "paths"), [("else", None), ("s3://b", ["$.a"]), ("s3://b", ["$.a.b", "$.c"])])
def test_what_is_refused(how: str, paths: list[str] | None) -> None:
    with pytest.raises(SqlRefusal):
        read([b"{}"], how, paths)
