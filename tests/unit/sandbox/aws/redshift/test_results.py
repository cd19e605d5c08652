"""Rows in typed fields and pages."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from druid_reindex.sandbox.aws.redshift import results
from druid_reindex.sandbox.aws.redshift.refusals import ApiRefusal, SqlRefusal


def column(name: str, code: int, size: int = -1) -> Any:
    return SimpleNamespace(name=name, type_code=code, internal_size=size, precision=None, scale=None)


COLUMNS = [column("n", 20, 8), column("t", 1043, 24), column("b", 16), column("f", 701), column("d", 1700)]


def test_fields_by_type() -> None:
    row = ("7", "x", "f", "1.5", "2.50")
    assert results.fields(row, COLUMNS) == [
        {"longValue": 7}, {"stringValue": "x"}, {"booleanValue": False}, {"doubleValue": 1.5}, {"stringValue": "2.50"},
    ]  # fmt: skip
    assert results.fields((None,) * 5, COLUMNS) == [{"isNull": True}] * 5


def test_columns() -> None:
    found = results.columns(COLUMNS)
    assert [each["typeName"] for each in found] == ["int8", "varchar", "bool", "float8", "numeric"]
    assert found[1]["length"] == 20
    assert [each["isSigned"] for each in found] == [True, False, False, True, True]


def test_pages_are_read_by_their_tokens(tmp_path: Path) -> None:
    rows = [(str(number),) for number in range(results.PAGE_ROWS + 1)]
    kept = results.keep(tmp_path / "kept", rows, COLUMNS[:1])
    first, token = results.page(kept, None)
    second, last = results.page(kept, token)
    assert (len(first), second, last) == (results.PAGE_ROWS, [[{"longValue": results.PAGE_ROWS}]], None)
    assert (kept.path.stat().st_mode & 0o777) == 0o600
    with pytest.raises(ApiRefusal):
        results.page(kept, "bogus")
    assert results.as_csv(second, ["n"]) == f"n\n{results.PAGE_ROWS}\n"


def test_nothing_is_one_empty_page(tmp_path: Path) -> None:
    assert results.page(results.keep(tmp_path / "kept", [], COLUMNS), None) == ([], None)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SqlRefusal, match="Packet for query is too large"):
        results.keep(tmp_path / "row", [("x" * results.MAX_ROW_BYTES,)], COLUMNS[1:2])
    monkeypatch.setattr(results, "MAX_RESULT_BYTES", 50)
    with pytest.raises(SqlRefusal, match="exceeded size limit"):
        results.keep(tmp_path / "result", [("x" * 30,), ("x" * 30,)], COLUMNS[1:2])
