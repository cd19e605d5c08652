"""Files that UNLOAD writes and COPY reads: CSV, JSON lines and Parquet, plain or packed."""

from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from psycopg2.extensions import Column

from druid_reindex.sandbox.aws.redshift.moving import Compression, Format, Unload
from druid_reindex.sandbox.aws.redshift.refusals import Cancelled
from druid_reindex.sandbox.aws.redshift.results import TEXT, TYPES

ROW_GROUP_BYTES = 8 << 20
BATCH_ROWS = 20_000
# The widest decimal that Redshift has, for one that says no precision.
# Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
PRECISION, SCALE = 38, 10
_ARROW = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
_MOMENTS = ["%Y-%m-%d %H:%M:%S.%f", pa.csv.ISO8601]


class Writer:
    """A file on disk that takes the engine's rows, one at a time."""

    def __init__(self, path: Path, compression: Compression) -> None:
        self.rows = 0
        self._path = path
        path.touch(mode=0o600)
        self._raw: IO[bytes] = path.open("wb")
        self._packed = _packed(self._raw, compression)

    def write(self, row: bytes) -> None:
        """Take one row, which ends with its newline."""
        self._packed.write(row)
        self.rows += 1

    def size_bytes(self) -> int:
        """Return how large the file is by now."""
        return self._raw.tell()

    def finished(self) -> IO[bytes]:
        """Return the complete file, to be read."""
        self._packed.close()
        self._raw.close()
        return self._path.open("rb")

    def drop(self) -> None:
        """Close the file and remove it."""
        self._packed.close()
        self._raw.close()
        self._path.unlink(missing_ok=True)


class ParquetWriter(Writer):
    """Parquet: rows are gathered as CSV, and each gathering becomes a row group."""

    def __init__(self, path: Path, description: Sequence[Column]) -> None:
        super().__init__(path, Compression.NONE)
        self._schema = schema(description)
        self._gathered = io.BytesIO()
        self._parquet: Any = pa.parquet.ParquetWriter(self._raw, self._schema)

    def write(self, row: bytes) -> None:
        """Take one row."""
        self._gathered.write(row)
        self.rows += 1
        if self._gathered.tell() >= ROW_GROUP_BYTES:
            self._flush()

    def finished(self) -> IO[bytes]:
        """Return the complete file, to be read."""
        self._flush()
        self._parquet.close()
        return super().finished()

    def drop(self) -> None:
        """Close the file and remove it."""
        self._gathered = io.BytesIO()
        super().drop()

    def _flush(self) -> None:
        if self._gathered.tell() == 0:
            return
        convert = pa.csv.ConvertOptions(
            column_types=self._schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            timestamp_parsers=_MOMENTS,
        )
        read = pa.csv.ReadOptions(column_names=self._schema.names, block_size=self._gathered.tell() + 1)
        parse = pa.csv.ParseOptions(newlines_in_values=True)
        self._gathered.seek(0)
        table = pa.csv.read_csv(self._gathered, read_options=read, parse_options=parse, convert_options=convert)
        self._parquet.write_table(table)
        self._gathered = io.BytesIO()


def schema(description: Sequence[Column]) -> Any:
    """Return the Arrow schema of a query's columns."""
    return pa.schema([(each.name, _arrow(each)) for each in description])


def _arrow(column: Column) -> Any:
    name = TYPES.get(int(column.type_code), TEXT)[0]
    if name != "numeric":
        return _ARROW.get(name, pa.string())
    # PostgreSQL says 65535 for a numeric without a precision.
    if not column.precision or column.precision > PRECISION:
        return pa.decimal128(PRECISION, SCALE)
    return pa.decimal128(column.precision, column.scale or 0)


def writer(asked: Unload, description: Sequence[Column], path: Path) -> Writer:
    """Return the writer of one file of an UNLOAD."""
    if asked.format is Format.PARQUET:
        return ParquetWriter(path, description)
    made = Writer(path, asked.compression)
    if asked.header:
        names = (asked.delimiter or ",").join(each.name for each in description)
        made.write(names.encode() + b"\n")
        made.rows = 0
    return made


def _packed(raw: IO[bytes], compression: Compression) -> IO[bytes]:
    match compression:
        case Compression.GZIP:
            return gzip.GzipFile(fileobj=raw, mode="wb")  # type: ignore[return-value]
        case Compression.BZIP2:
            return bz2.BZ2File(raw, "wb")
    return raw


class Watched(io.RawIOBase):
    """A body that is read until the statement is cancelled."""

    def __init__(self, body: Any, is_cancelled: Callable[[], bool]) -> None:
        super().__init__()
        self._body = body
        self._is_cancelled = is_cancelled
        self.count = 0

    def readable(self) -> bool:
        """A body can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer. Raises Cancelled."""
        if self._is_cancelled():
            raise Cancelled
        content = self._body.read(len(buffer))
        buffer[: len(content)] = content
        self.count += len(content)
        return len(content)

    def close(self) -> None:
        """Close the body too."""
        self._body.close()
        super().close()


def unpacked(body: io.RawIOBase, compression: Compression) -> io.BufferedIOBase:
    """Return the body's content, unpacked as it is read."""
    buffered = io.BufferedReader(body, 1 << 16)
    match compression:
        case Compression.GZIP:
            return gzip.GzipFile(fileobj=buffered, mode="rb")
        case Compression.BZIP2:
            return bz2.BZ2File(buffered, "rb")
    return buffered


def parquet_batches(path: Path) -> Iterator[bytes]:
    """Yield a Parquet file's rows as CSV for the engine, some thousands at a time."""
    options = pa.csv.WriteOptions(include_header=False)
    with pa.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            written = io.BytesIO()
            pa.csv.write_csv(batch, written, options)
            yield written.getvalue()


class Source:
    """What the engine reads from; what is raised meanwhile is kept, as psycopg2 makes an error of its own of it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.raised: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        try:
            content: bytes = self._inner.read(size)
        except BaseException as raised:
            self.raised = raised
            raise
        return content


class Chunks(io.RawIOBase):
    """Chunks of bytes, as a file that the engine reads."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        while not self._left:
            following = next(self._chunks, None)
            if following is None:
                return b""
            self._left = following
        cut = len(self._left) if size < 0 else size
        taken, self._left = self._left[:cut], self._left[cut:]
        return taken
