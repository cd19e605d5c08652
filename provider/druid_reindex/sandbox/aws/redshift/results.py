"""Rows of a statement as the Data API tells them: typed fields, in pages, kept in a file until they expire.

Sources: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_GetStatementResult.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-troubleshooting.html (the limits and their messages)
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import Column, cursor, new_type, register_type

from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal, error, validation

Json = dict[str, Any]

MAX_ROW_BYTES, MAX_RESULT_BYTES = 64 * 1024, 500 * 1024 * 1024
# AWS documents no size of a page; this one makes paging show early.
PAGE_ROWS, PAGE_BYTES = 1000, 1 << 20
# PostgreSQL's numbers of types: Redshift's name, and the field that carries a value.
# Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_type.dat
TYPES = {
    16: ("bool", "booleanValue"),
    17: ("varbyte", "stringValue"),
    20: ("int8", "longValue"),
    21: ("int2", "longValue"),
    23: ("int4", "longValue"),
    26: ("oid", "longValue"),
    700: ("float4", "doubleValue"),
    701: ("float8", "doubleValue"),
    1042: ("bpchar", "stringValue"),
    1043: ("varchar", "stringValue"),
    1082: ("date", "stringValue"),
    1083: ("time", "stringValue"),
    1114: ("timestamp", "stringValue"),
    1184: ("timestamptz", "stringValue"),
    1186: ("interval", "stringValue"),
    1266: ("timetz", "stringValue"),
    1700: ("numeric", "stringValue"),
}
TEXT = ("varchar", "stringValue")
_AS_WRITTEN = new_type((*TYPES, 18, 19, 25, 705), "AS_WRITTEN", lambda value, _cursor: value)
VARYING = {1042, 1043}
# What PostgreSQL adds to the length of a text type in its modifier.
_HEADER = 4


@dataclass(frozen=True)
class Kept:
    """Where a statement's rows are: `pages` are the offsets at which pages begin in the file."""

    path: Path
    columns: tuple[Json, ...]
    rows: int
    size: int
    pages: tuple[int, ...]


def as_written(found: cursor) -> None:
    """Let the cursor return each value as the text that the engine wrote; None stays None."""
    register_type(_AS_WRITTEN, found)


def columns(description: Sequence[Column]) -> tuple[Json, ...]:
    """Return the ColumnMetadata of a result."""
    return tuple(_column(each) for each in description)


def _column(found: Column) -> Json:
    code = int(found.type_code)
    kind, field = TYPES.get(code, TEXT)
    size = int(found.internal_size or 0)
    length = max(size - _HEADER, 0) if code in VARYING else max(size, 0)
    return {
        "isCaseSensitive": field == "stringValue",
        "isCurrency": False,
        "isSigned": field in {"longValue", "doubleValue"} or kind == "numeric",
        "label": found.name,
        "name": found.name,
        "nullable": 1,
        "precision": int(found.precision or length),
        "scale": int(found.scale or 0),
        "schemaName": "",
        "tableName": "",
        "typeName": kind,
        "length": length,
    }


def fields(row: Sequence[str | None], description: Sequence[Column]) -> list[Json]:
    """Return the row as the API's fields."""
    return [_field(value, int(each.type_code)) for value, each in zip(row, description, strict=True)]


def _field(value: str | None, code: int) -> Json:
    if value is None:
        return {"isNull": True}
    kind = TYPES.get(code, TEXT)[1]
    match kind:
        case "longValue":
            return {kind: int(value)}
        case "doubleValue":
            return {kind: float(value)}
        case "booleanValue":
            return {kind: value == "t"}
    return {kind: value}


def keep(path: Path, rows: Iterable[Sequence[str | None]], description: Sequence[Column]) -> Kept:
    """Write the rows and return where they are. Raises SqlRefusal for a row, or a result, that is too big."""
    pages, count, size, since = [0], 0, 0, 0
    path.touch(mode=0o600)
    with path.open("wb") as handle:
        for row in rows:
            line = json.dumps(fields(row, description)).encode() + b"\n"
            _measure(line, size)
            if count - since >= PAGE_ROWS or (size - pages[-1] + len(line) > PAGE_BYTES and count > since):
                pages.append(size)
                since = count
            handle.write(line)
            count, size = count + 1, size + len(line)
    return Kept(path, columns(description), count, size, tuple(pages))


def _measure(line: bytes, size: int) -> None:
    if len(line) > MAX_ROW_BYTES:
        raise SqlRefusal(error("Packet for query is too large"))
    if size + len(line) > MAX_RESULT_BYTES:
        raise SqlRefusal(error("Database response exceeded size limit"))


def page(kept: Kept, token: str | None) -> tuple[list[list[Json]], str | None]:
    """Return one page of rows and the token of the next. Raises ApiRefusal for a token of another result."""
    number = _number(kept, token)
    end = kept.pages[number + 1] if number + 1 < len(kept.pages) else kept.size
    with kept.path.open("rb") as handle:
        handle.seek(kept.pages[number])
        rows = [json.loads(line) for line in handle.read(end - kept.pages[number]).splitlines()]
    following = _token(kept, number + 1) if end < kept.size else None
    return rows, following


def as_csv(rows: Iterable[list[Json]], names: Sequence[str]) -> str:
    """Return rows as GetStatementResultV2 tells them: CSV with a line of names."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(_values(rows))
    return written.getvalue()


def _values(rows: Iterable[list[Json]]) -> Iterator[list[Any]]:
    for row in rows:
        yield ["" if "isNull" in field else next(iter(field.values())) for field in row]


def _token(kept: Kept, number: int) -> str:
    return base64.urlsafe_b64encode(f"{kept.path.name}/{number}".encode()).decode()


def _number(kept: Kept, token: str | None) -> int:
    if not token:
        return 0
    for number in range(len(kept.pages)):
        if token == _token(kept, number):
            return number
    raise validation("The next token is not valid.")
