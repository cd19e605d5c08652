"""COPY: files in S3, read as the role, stream into the engine's own COPY inside the statement's transaction.

Memory is bounded: bodies are unpacked as they arrive; a Parquet file lies on disk and is read in batches.

Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html,
https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html,
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import cursor

from druid_reindex.sandbox.aws.redshift import files, load_errors, records
from druid_reindex.sandbox.aws.redshift.moving import Copy, Format, identifier
from druid_reindex.sandbox.aws.redshift.refusals import (
    S3_CODE,
    SPECTRUM_CODE,
    LoadRefusal,
    SqlRefusal,
    Wrong,
    detailed,
    error,
)
from druid_reindex.sandbox.aws.redshift.storage import Store, Stored, stored

_TEXT = {"character varying", "character"}
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.attidentity <> '' FROM pg_attribute a
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Loaded:
    """One file that was read."""

    file: Stored
    rows: int
    size_bytes: int
    errors: int


@dataclass(frozen=True)
class Field:
    """A column of the table that is loaded."""

    name: str
    type: str


class Loading:
    """One COPY on its way; `wrong` are the rows that it passed over, as many as MAXERROR lets it."""

    def __init__(self, asked: Copy, store: Store, folder: Path, is_cancelled: Callable[[], bool]) -> None:
        self._asked = asked
        self._store = store
        self._folder = folder
        self._is_cancelled = is_cancelled
        self._table = ".".join(identifier(part) for part in asked.table)
        self.wrong: list[Wrong] = []

    def run(self, session: cursor) -> list[Loaded]:
        """Load every file and return them. Raises SqlRefusal, LoadRefusal, psycopg2.Error, Cancelled."""
        fields = self._fields(session)
        return [self._load(each, fields, session) for each in self._files()]

    def _fields(self, session: cursor) -> list[Field]:
        session.execute(_COLUMNS, (self._table,))
        found = {str(name): (Field(str(name), str(kind)), made) for name, kind, made in session.fetchall()}
        if not found:
            raise SqlRefusal(error(f"Cannot COPY into nonexistent table {self._asked.table[-1]}"))
        if not self._asked.columns:
            return [field for field, is_made in found.values() if not is_made]
        for name in self._asked.columns:
            if name not in found:
                text = f'column "{name}" of relation "{self._asked.table[-1]}" does not exist'
                raise SqlRefusal(error(text))
        return [found[name][0] for name in self._asked.columns]

    def _files(self) -> Iterator[Stored]:
        found = iter(self._listed() if self._asked.manifest else self._store.listed(stored(self._asked.uri)))
        first = next(found, None)
        if first is None:
            key = stored(self._asked.uri).key
            raise detailed(f"The specified S3 prefix '{key}' does not exist", S3_CODE, self._asked.uri)
        yield first
        yield from found

    def _listed(self) -> Iterator[Stored]:
        document = self._store.document(stored(self._asked.uri))
        # All are looked for before the first is read: a COPY that lacks a file loads none.
        entries = list(manifest_entries(document, needs_size=self._asked.format is Format.PARQUET))
        for each in entries:
            size = self._store.size(each)
            if size is None and each.mandatory:
                text = "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey"
                raise detailed(text, S3_CODE, f"S3 key being read : {each.uri}")
            if size is not None and each.size_bytes not in {None, size}:
                text = f"The manifest says {each.size_bytes} bytes of a file that has {size}"
                raise detailed(text, S3_CODE, f"S3 key being read : {each.uri}")
            if size is not None:
                yield each

    def _load(self, file: Stored, fields: Sequence[Field], session: cursor) -> Loaded:
        before = len(self.wrong)
        body = files.Watched(self._store.open(file), self._is_cancelled)
        try:
            with body:
                rows = self._parquet(file, body, fields, session) if self._is_parquet else self._text(
                    file, body, fields, session
                )  # fmt: skip
        except psycopg2.DataError as raised:
            self.wrong.append(load_errors.read(raised, file.uri, self._asked.ignored_header_rows))
            raise LoadRefusal(self._asked.table[-1], tuple(self.wrong)) from raised
        except psycopg2.errors.NotNullViolation as raised:
            self.wrong.append(load_errors.read(raised, file.uri, self._asked.ignored_header_rows))
            raise LoadRefusal(self._asked.table[-1], tuple(self.wrong)) from raised
        return Loaded(file, rows, body.count, len(self.wrong) - before)

    @property
    def _is_parquet(self) -> bool:
        return self._asked.format is Format.PARQUET

    def _text(self, file: Stored, body: files.Watched, fields: Sequence[Field], session: cursor) -> int:
        asked = self._asked
        content = files.unpacked(body, asked.compression)
        for _ in range(asked.ignored_header_rows):
            content.readline()
        source: Any = content
        if asked.format is Format.JSON:
            lines = records.rows(
                content, [each.name for each in fields], asked.json, self._paths(), self._pass_over(file)
            )
            source = files.Chunks(lines)
        notices = load_errors.Notices()
        session.connection.notices = notices  # type: ignore[assignment]
        self._send(session, fields, source)
        rows = int(session.rowcount)
        # psycopg2 takes in what the engine noticed with the answer to the next statement.
        session.execute("SELECT 1")
        self.wrong += [load_errors.skipped(each, file.uri, asked.ignored_header_rows) for each in notices.said]
        return rows

    def _send(self, session: cursor, fields: Sequence[Field], content: Any) -> None:
        source = files.Source(content)
        reader: Any = source
        try:
            session.copy_expert(self._statement(fields), reader)
        except psycopg2.Error:
            if source.raised is not None:
                raise source.raised from None
            raise

    def _pass_over(self, file: Stored) -> Callable[[int, str], None]:
        """What becomes of a line that is no record: passed over as long as MAXERROR lets it."""

        def note(line: int, reason: str) -> None:
            self.wrong.append(Wrong(file.uri, line, code=load_errors.UNREADABLE, reason=reason))
            if self._left < 0:
                raise LoadRefusal(self._asked.table[-1], tuple(self.wrong))

        return note

    @property
    def _left(self) -> int:
        """How many more errors are passed over: a load with MAXERROR of them fails."""
        return max(self._asked.max_errors - 1, 0) - len(self.wrong)

    def _paths(self) -> list[str] | None:
        """Return the JSON paths where the statement says a file of them."""
        if not self._asked.json.startswith("s3://"):
            return None
        found = self._store.document(stored(self._asked.json))
        return [str(path) for path in found["jsonpaths"]]

    def _statement(self, fields: Sequence[Field]) -> str:
        """Return the engine's COPY for one file.

        Source: https://www.postgresql.org/docs/18/sql-copy.html
        """
        names = ", ".join(identifier(each.name) for each in fields)
        options = ["FORMAT text"] if self._asked.format is Format.JSON else self._csv(fields)
        if self._left > 0:
            options += ["ON_ERROR ignore", f"REJECT_LIMIT {self._left}", "LOG_VERBOSITY verbose"]
        return f"COPY {self._table} ({names}) FROM STDIN WITH ({', '.join(options)})"

    def _csv(self, fields: Sequence[Field]) -> list[str]:
        asked = self._asked
        delimiter = (asked.delimiter or ",").replace("'", "''")
        texts = ", ".join(identifier(each.name) for each in fields if each.type in _TEXT)
        null = (asked.null_as or "").replace("'", "''")
        options = ["FORMAT csv", f"DELIMITER '{delimiter}'", f"NULL '{null}'"]
        if texts and not self._is_parquet and asked.null_as is None:
            options.append(f"{'FORCE_NULL' if asked.empty_as_null else 'FORCE_NOT_NULL'} ({texts})")
        return options

    def _parquet(self, file: Stored, body: files.Watched, fields: Sequence[Field], session: cursor) -> int:
        path = self._folder / f"load-{id(self)}.parquet"
        try:
            path.touch(mode=0o600)
            with path.open("wb") as local:
                shutil.copyfileobj(body, local)
            load_errors.check_parquet(path, file.uri, [(each.name, each.type) for each in fields])
            self._send(session, fields, files.Chunks(files.parquet_batches(path)))
            return int(session.rowcount)
        except psycopg2.DataError as raised:
            text = "Spectrum Scan Error"
            said = raised.diag.message_primary or ""
            raise detailed(text, SPECTRUM_CODE, f"File '{file.uri}': {_without_value(said)}") from raised
        finally:
            path.unlink(missing_ok=True)


def manifest_entries(document: Any, *, needs_size: bool) -> Iterator[Stored]:
    """Yield the files that a manifest lists. Raises SqlRefusal for what is no manifest."""
    if not isinstance(document, dict) or not isinstance(document.get("entries"), list):
        raise SqlRefusal(error("Problem reading manifest file: it has no list of entries"))
    for entry in document["entries"]:
        found = stored(str(entry.get("url", "")))
        size = entry.get("meta", {}).get("content_length")
        if needs_size and size is None:
            raise SqlRefusal(error("Problem reading manifest file: PARQUET needs meta.content_length of each entry"))
        yield Stored(found.bucket, found.key, bool(entry.get("mandatory", False)), size)


def _without_value(said: str) -> str:
    return said.partition(":")[0]
