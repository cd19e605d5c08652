"""What COPY could not take, in Redshift's numbers and words, from what the engine and the files say.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow.parquet

from druid_reindex.sandbox.aws.redshift.refusals import SPECTRUM_CODE, SqlRefusal, Wrong, detailed

UNKNOWN, EXTRA_COLUMNS, FEWER_COLUMNS, TOO_LONG, DATE, TIMESTAMP, DIGIT, FLOAT, DECIMAL, BOOLEAN = (
    1200, 1202, 1203, 1204, 1205, 1206, 1207, 1208, 1209, 1210,
)  # fmt: skip
NOT_NULL, UNREADABLE = 1213, 1216
_OF_TYPE = {
    "smallint": (DIGIT, "Invalid digit"),
    "integer": (DIGIT, "Invalid digit"),
    "bigint": (DIGIT, "Invalid digit"),
    "numeric": (DECIMAL, "Invalid DECIMAL format"),
    "double precision": (FLOAT, "Invalid FLOAT format"),
    "real": (FLOAT, "Invalid FLOAT format"),
    "boolean": (BOOLEAN, "Invalid BOOLEAN format"),
    "date": (DATE, "Invalid date format - length must be 10 or more"),
    "timestamp": (TIMESTAMP, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
}
# PostgreSQL's words: "COPY t, line 3, column n: "x"", and the type in 'invalid input syntax for type integer: "x"'.
_PLACE = re.compile(r'^COPY [^,]+, line (\d+)(?:, column ([^:]+))?(?:: (?:"(.*)"|null input))?', re.DOTALL)
_KIND = re.compile(r"for type ([a-z ]+?)(?: with| without|:|$)|type (character)")
_MISSING = re.compile(r'^missing data for column "([^"]+)"')
_SKIPPED = re.compile(r'at line (\d+) for column "([^"]+)"(?:: (?:"(.*)"|null input))?', re.DOTALL)


class Notices:
    """Keeps what the engine says beside its answers; psycopg2's own list forgets all but the last fifty."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def append(self, said: str) -> None:
        """Keep a row that was skipped."""
        if _SKIPPED.search(said):
            self.said.append(said)


def read(raised: psycopg2.Error, file: str, header_rows: int) -> Wrong:
    """Return what the engine refused; lines are counted from the file's first one."""
    said, context = raised.diag.message_primary or "", raised.diag.context or ""
    place = _PLACE.search(context)
    line = int(place.group(1)) + header_rows if place else 0
    column = (place.group(2) or "") if place else ""
    code, kind, reason = _reason(said)
    missing = _MISSING.search(said)
    column = column or (missing.group(1) if missing else "") or str(raised.diag.column_name or "")
    return Wrong(file, line, column, kind, code, reason, (place.group(3) or "") if place else "")


def _reason(said: str) -> tuple[int, str, str]:
    if said.startswith("extra data"):
        return EXTRA_COLUMNS, "", "Extra column(s) found"
    if said.startswith("missing data"):
        return FEWER_COLUMNS, "", "Delimiter not found"
    if said.startswith("value too long"):
        return TOO_LONG, "varchar", "String length exceeds DDL length"
    if said.startswith("null value"):
        return NOT_NULL, "", "Missing data for not-null field"
    found = _KIND.search(said)
    kind = (found.group(1) or found.group(2)).strip() if found else ""
    code, reason = _OF_TYPE.get(kind, (UNKNOWN, "Value of a wrong form, or out of its type's range"))
    if "out of range" in said:
        return TOO_LONG, kind, "Overflow"
    return code, kind, reason


def skipped(said: str, file: str, header_rows: int) -> Wrong:
    """Return the row that the engine says it skipped."""
    place = _SKIPPED.search(said)
    assert place is not None
    value = place.group(3) or ""
    return Wrong(file, int(place.group(1)) + header_rows, place.group(2), "", UNKNOWN, "Invalid value", value)


def check_parquet(path: Path, uri: str, fields: Sequence[tuple[str, str]]) -> None:
    """Raise SqlRefusal when the file's columns do not fit the table's, by number and kind, in their order."""
    try:
        found = pyarrow.parquet.read_schema(path)
    except pyarrow.ArrowInvalid as raised:
        raise _spectrum(uri, "is not a Parquet file") from raised
    if len(found) != len(fields):
        raise SqlRefusal(
            f"ERROR: Number of columns in the table ({len(fields)}) does not match the number of columns in the data "
            f"file ({len(found)}): {uri}"
        )
    for (name, kind), column in zip(fields, found, strict=True):
        if not _fits(column.type, kind):
            said = f"has an incompatible Parquet schema for column '{name}'. Column type: {kind.upper()}, "
            raise _spectrum(uri, f"{said}Parquet schema: {column.type} {column.name}")


def _spectrum(uri: str, said: str) -> SqlRefusal:
    """Source: https://www.parsnips.net/2025/10/21/redshift-parquet-column-order.html (the form of the message)."""
    return detailed("Spectrum Scan Error", SPECTRUM_CODE, f"File '{uri}' {said}")


_KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("smallint", "integer", "bigint"), ("is_integer",)),
    **dict.fromkeys(("real", "double precision"), ("is_floating",)),
    **dict.fromkeys(("timestamp without time zone", "timestamp with time zone"), ("is_timestamp",)),
    "numeric": ("is_decimal", "is_integer"),
    "boolean": ("is_boolean",),
    "date": ("is_date",),
}
_TEXTS = ("is_string", "is_large_string", "is_dictionary")


def _fits(found: Any, kind: str) -> bool:
    return any(getattr(pyarrow.types, name)(found) for name in _KINDS.get(kind, _TEXTS))
