"""Files that are written and read back."""

from __future__ import annotations

import bz2
import gzip
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet
import pytest

from druid_reindex.sandbox.aws.redshift import files
from druid_reindex.sandbox.aws.redshift.moving import Compression, Format, Unload
from druid_reindex.sandbox.aws.redshift.refusals import Cancelled


def column(name: str, code: int, precision: int | None = None, scale: int | None = None) -> Any:
    return SimpleNamespace(name=name, type_code=code, precision=precision, scale=scale)


COLUMNS = [
    column("id", 23),
    column("note", 1043),
    column("paid", 16),
    column("amount", 1700, 10, 2),
    column("at", 1114),
]
ROW = b'1,"say ""a, b""\nc",t,1.25,2026-01-01 10:00:00\n'
NULLS = b",,,,\n"


def test_parquet_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP_BYTES", 2 * len(ROW))
    written = files.writer(Unload(format=Format.PARQUET), COLUMNS, tmp_path / "p")
    for _ in range(5):
        written.write(ROW)
    written.write(NULLS)
    written.finished().close()
    found = pyarrow.parquet.ParquetFile(tmp_path / "p")
    assert (written.rows, found.num_row_groups) == (6, 3)
    rows = found.read().to_pylist()
    assert (rows[0]["note"], rows[0]["paid"], str(rows[0]["amount"])) == ('say "a, b"\nc', True, "1.25")
    assert set(rows[5].values()) == {None}
    again = b"".join(files.parquet_batches(tmp_path / "p"))
    assert again.count(b'"say ""a, b""\nc"') == 5
    written.drop()
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("compression", "unpack"),
    [(Compression.NONE, bytes), (Compression.GZIP, gzip.decompress), (Compression.BZIP2, bz2.decompress)],
)
def test_csv_with_its_names(tmp_path: Path, compression: Compression, unpack: Any) -> None:
    asked = Unload(format=Format.CSV, header=True, compression=compression, delimiter="|")
    written = files.writer(asked, COLUMNS[:2], tmp_path / "c")
    written.write(b"1|x\n")
    with written.finished() as body:
        content = body.read()
    assert (unpack(content), written.rows) == (b"id|note\n1|x\n", 1)
    with files.unpacked(files.Watched(io.BytesIO(content), lambda: False), compression) as back:
        assert back.read() == b"id|note\n1|x\n"


def test_a_body_is_counted_and_left_when_cancelled() -> None:
    body = files.Watched(io.BytesIO(b"x" * 10), lambda: False)
    assert body.read() == b"x" * 10
    assert body.count == 10
    with pytest.raises(Cancelled):
        files.Watched(io.BytesIO(b"x"), lambda: True).read(1)


def test_chunks_as_a_file() -> None:
    chunks = files.Chunks(iter([b"abc", b"", b"de"]))
    assert [chunks.read(2), chunks.read(5), chunks.read(5), chunks.read(5)] == [b"ab", b"c", b"de", b""]


def test_a_decimal_without_precision() -> None:
    assert str(files.schema([column("n", 1700, 65535)]).field("n").type) == "decimal128(38, 10)"
