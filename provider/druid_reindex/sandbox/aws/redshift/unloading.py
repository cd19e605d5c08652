"""UNLOAD: the engine writes rows as CSV, which become files in S3 as the role; the manifest is written last.

Memory is bounded: rows stream from the engine into files on disk, Parquet by row groups, and files into S3 in parts.
Not reproduced: what Redshift writes for a query without rows (nothing is written here but the manifest), how
it spreads rows over slices, and how large its row groups are.

Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html (names, sizes, encryption),
https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD_command_examples.html (the manifest's form)
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import Column, cursor

from druid_reindex.sandbox.aws.redshift.files import Writer, writer
from druid_reindex.sandbox.aws.redshift.moving import Compression, Format, Unload, identifier
from druid_reindex.sandbox.aws.redshift.refusals import Cancelled, SqlRefusal, error
from druid_reindex.sandbox.aws.redshift.results import TEXT, TYPES
from druid_reindex.sandbox.aws.redshift.storage import Store, Stored, stored

SLICES = 2
# How many bytes of rows a slice takes before the next one's turn.
TURN_BYTES = 1 << 20
NOT_EMPTY = (
    "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing "
    "the target files in S3, or using the ALLOWOVERWRITE option."
)
# A separator and a quote that no JSON text holds.
_BARE = r"FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02', ESCAPE E'\x02'"


@dataclass(frozen=True)
class Unloaded:
    """One file that was written."""

    file: Stored
    rows: int
    size_bytes: int


class Unloading:
    """One UNLOAD on its way; `is_cancelled` is asked at each row that the engine sends."""

    def __init__(self, asked: Unload, store: Store, folder: Path, is_cancelled: Callable[[], bool]) -> None:
        self._asked = asked
        self._store = store
        self._folder = folder
        self._is_cancelled = is_cancelled
        self._prefix = stored(asked.uri)
        self._done: list[Unloaded] = []

    def run(self, query: str, session: cursor) -> list[Unloaded]:
        """Run the query and return the files that hold its rows. Raises SqlRefusal, psycopg2.Error, Cancelled."""
        self._make_room()
        session.execute(f"SELECT * FROM ({query}) AS unloaded LIMIT 0")  # noqa: S608 - a query that was found allowed
        description = session.description or ()
        slices = _Slices(self, description)
        try:
            session.copy_expert(self._copy(query, description), slices)
            slices.close()
        finally:
            slices.drop()
        if self._asked.manifest:
            self._put_manifest(description)
        return self._done

    def open(self, number: int, part: int, description: Sequence[Column]) -> Writer:
        """Return the writer of a slice's next file."""
        return writer(self._asked, description, self._folder / f"unload-{id(self)}-{number}-{part}")

    def upload(self, number: int, part: int, written: Writer) -> None:
        """Put a complete file into S3, and forget it here."""
        asked = self._asked
        name = f"{number:04d}_part_{part:02d}" if asked.parallel else f"{part:03d}"
        wanted = Stored(self._prefix.bucket, f"{self._prefix.key}{name}{_ending(asked)}")
        with written.finished() as body:
            size = body.seek(0, io.SEEK_END)
            body.seek(0)
            self._store.put(body, wanted, encryption(asked))
        written.drop()
        self._done.append(Unloaded(wanted, written.rows, size))

    def check(self) -> None:
        """Raise Cancelled once the statement is."""
        if self._is_cancelled():
            raise Cancelled

    @property
    def most_bytes(self) -> int:
        """The size at which a file is complete."""
        return self._asked.max_file_bytes

    @property
    def slices(self) -> int:
        """How many files are written side by side."""
        return SLICES if self._asked.parallel else 1

    def _make_room(self) -> None:
        present = self._store.listed(self._prefix)
        if self._asked.clean_path:
            for each in present:
                self._store.delete(each)
        elif not self._asked.allow_overwrite and next(present, None) is not None:
            raise SqlRefusal(error(NOT_EMPTY))

    def _copy(self, query: str, description: Sequence[Column]) -> str:
        if self._asked.format is Format.JSON:
            pairs = ", ".join(f"{_sql(each.name)}, {_json_value(each)}" for each in description)
            records = f"SELECT json_build_object({pairs}) FROM ({query}) AS unloaded"  # noqa: S608 - as above
            return f"COPY ({records}) TO STDOUT WITH ({_BARE})"
        delimiter = self._asked.delimiter or ","
        return f"COPY ({query}) TO STDOUT WITH (FORMAT csv, DELIMITER {_sql(delimiter)})"

    def _put_manifest(self, description: Sequence[Column]) -> None:
        text = json.dumps(manifest(self._done, description, verbose=self._asked.verbose), indent=2)
        wanted = Stored(self._prefix.bucket, f"{self._prefix.key}manifest")
        self._store.put(io.BytesIO(text.encode()), wanted, encryption(self._asked))


class _Slices:
    """What the engine writes its rows to, one call for each: they go to the slices in turn."""

    def __init__(self, unloading: Unloading, description: Sequence[Column]) -> None:
        self._unloading = unloading
        self._description = description
        self._open: dict[int, Writer] = {}
        self._parts = [0] * unloading.slices
        self._at = 0
        self._turn = 0

    def write(self, row: bytes) -> int:
        """Take one row."""
        self._unloading.check()
        if self._turn > TURN_BYTES:
            self._at, self._turn = (self._at + 1) % self._unloading.slices, 0
        if self._at not in self._open:
            self._open[self._at] = self._unloading.open(self._at, self._parts[self._at], self._description)
        written = self._open[self._at]
        written.write(row)
        self._turn += len(row)
        if written.size_bytes() >= self._unloading.most_bytes:
            self._complete(self._at)
        return len(row)

    def close(self) -> None:
        """Put what is left into S3."""
        for number in sorted(self._open):
            self._complete(number)

    def drop(self) -> None:
        """Remove the files of what was not completed."""
        for written in self._open.values():
            written.drop()
        self._open.clear()

    def _complete(self, number: int) -> None:
        self._unloading.upload(number, self._parts[number], self._open[number])
        del self._open[number]
        self._parts[number] += 1


def encryption(asked: Unload) -> dict[str, str]:
    """Return how S3 encrypts the files: under the key that is named, else under S3's own."""
    if not asked.encrypted:
        return {"ServerSideEncryption": "AES256"}
    if not asked.kms_key:
        raise SqlRefusal(
            error("ENCRYPTED without KMS_KEY_ID needs a MASTER_SYMMETRIC_KEY, which is not supported here")
        )
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": asked.kms_key}


def manifest(files: Sequence[Unloaded], description: Sequence[Column], *, verbose: bool) -> dict[str, Any]:
    """Return the manifest's document."""
    if not verbose:
        return {"entries": [{"url": each.file.uri, "meta": {"content_length": each.size_bytes}} for each in files]}
    entries = [
        {"url": each.file.uri, "meta": {"content_length": each.size_bytes, "record_count": each.rows}} for each in files
    ]
    elements = [{"name": each.name, "type": _type(each)} for each in description]
    totals = {
        "content_length": sum(each.size_bytes for each in files),
        "record_count": sum(each.rows for each in files),
    }
    author = {"name": "Amazon Redshift", "version": "1.0.0"}
    return {"entries": entries, "schema": {"elements": elements}, "meta": totals, "author": author}


_BASES = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "varchar": "character varying",
    "bpchar": "character",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}


def _type(column: Column) -> dict[str, Any]:
    name = TYPES.get(int(column.type_code), TEXT)[0]
    base: dict[str, Any] = {"base": _BASES.get(name, name)}
    if name == "numeric":
        return base | {"precision": column.precision or 18, "scale": column.scale or 0}
    if name in {"varchar", "bpchar"}:
        return base | {"max_length": max(int(column.internal_size or 0) - 4, 0) or 65535}
    return base


def _ending(asked: Unload) -> str:
    if asked.extension is not None:
        return f".{asked.extension}"
    kind = {Format.PARQUET: ".parquet", Format.JSON: ".json"}.get(asked.format or Format.CSV, "")
    return kind + (f".{asked.compression}" if asked.compression is not Compression.NONE else "")


def _json_value(column: Column) -> str:
    """Moments as Redshift writes them: PostgreSQL's JSON puts a T between day and hour."""
    name = identifier(column.name)
    is_moment = TYPES.get(int(column.type_code), TEXT)[0] in {"timestamp", "timestamptz"}
    return f"{name}::text" if is_moment else name


def _sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
