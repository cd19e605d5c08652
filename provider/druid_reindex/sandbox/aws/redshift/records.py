"""JSON lines as rows for the engine's COPY, in PostgreSQL's text format: one line each, so that line numbers stay.

Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal, error

AUTO, AUTO_IGNORE_CASE = "auto", "auto ignorecase"
CHUNK_ROWS = 2000
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
Find = Callable[[dict[str, Any]], Iterable[Any]]


def rows(
    lines: Iterable[bytes],
    names: Sequence[str],
    how: str,
    paths: Sequence[str] | None,
    wrong: Callable[[int, str], None],
) -> Iterator[bytes]:
    """Yield rows in chunks; `wrong` is told line and reason of each that is no JSON object. Raises SqlRefusal."""
    find = _finder(names, how, paths)
    chunk: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        record = _record(line)
        if record is None:
            wrong(number, "Invalid JSON object")
            continue
        chunk.append("\t".join(_text(value) for value in find(record)) + "\n")
        if len(chunk) >= CHUNK_ROWS:
            yield "".join(chunk).encode()
            chunk.clear()
    yield "".join(chunk).encode()


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line, parse_float=Decimal)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _finder(names: Sequence[str], how: str, paths: Sequence[str] | None) -> Find:
    if paths is not None:
        if len(paths) != len(names):
            raise SqlRefusal(error("Number of jsonpaths and the number of columns should match"))
        keys = [_key(path) for path in paths]
        return lambda record: (record.get(key) for key in keys)
    match how.lower():
        case "auto":
            return lambda record: (record.get(name) for name in names)
        case "auto ignorecase":
            return lambda record: _folded(record, names)
    raise SqlRefusal(error(f"Invalid JSONPath format: '{how}' is neither auto nor a file of paths"))


def _folded(record: dict[str, Any], names: Sequence[str]) -> Iterable[Any]:
    found = {name.lower(): value for name, value in record.items()}
    return (found.get(name) for name in names)


def _key(path: str) -> str:
    """The one key of a path such as `$.name` or `$['name']`; deeper ones are refused."""
    for start, end in (("$['", "']"), ('$["', '"]'), ("$.", "")):
        inner = path.removeprefix(start).removesuffix(end) if path.startswith(start) else ""
        if inner and not set(inner) & set(".[]"):
            return inner
    raise SqlRefusal(error(f"Invalid JSONPath format: {path} is not one key of the record, as this Redshift needs"))


def _text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, dict | list):
        value = json.dumps(value, default=str)
    return str(value).translate(_ESCAPES)
