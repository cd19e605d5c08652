"""The engine's errors in Redshift's numbers."""

from __future__ import annotations

import io
from pathlib import Path

import psycopg2
import pyarrow
import pyarrow.parquet
import pytest

from druid_reindex.sandbox.aws.redshift import load_errors
from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal

TABLE = "CREATE TABLE t (id int NOT NULL, f float8, d date, at timestamp, b boolean, n decimal(4,2), c varchar(3))"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"x,1,2026-01-01,2026-01-01,t,1,a", ("id", 1207)),
        (b"99999999999,1,2026-01-01,2026-01-01,t,1,a", ("id", 1204)),
        (b"1,x,2026-01-01,2026-01-01,t,1,a", ("f", 1208)),
        (b"1,1,someday,2026-01-01,t,1,a", ("d", 1205)),
        (b"1,1,2026-01-01,someday,t,1,a", ("at", 1206)),
        (b"1,1,2026-01-01,2026-01-01,maybe,1,a", ("b", 1210)),
        (b"1,1,2026-01-01,2026-01-01,t,x,a", ("n", 1209)),
        (b"1,1,2026-01-01,2026-01-01,t,1,abcd", ("c", 1204)),
        (b",1,2026-01-01,2026-01-01,t,1,a", ("id", 1213)),
        (b"1,1", ("d", 1203)),
        (b"1,1,2026-01-01,2026-01-01,t,1,a,more", ("", 1202)),
    ],
)
def test_the_engines_refusals(engine: Engine, line: bytes, expected: tuple[str, int]) -> None:
    with engine.session("IAMR:Wrong") as session, session.cursor() as cursor:
        cursor.execute(TABLE)
        with pytest.raises(psycopg2.Error) as raised:
            cursor.copy_expert("COPY t FROM STDIN WITH (FORMAT csv)", io.BytesIO(line + b"\n"))
    found = load_errors.read(raised.value, "s3://b/k", header_rows=2)
    assert (found.column, found.code, found.line, found.file) == (*expected, 3, "s3://b/k")


def test_rows_that_were_skipped() -> None:
    notices = load_errors.Notices()
    notices.append('NOTICE:  skipping row due to data type incompatibility at line 4 for column "id": "x"\n')
    notices.append("NOTICE:  1 row was skipped due to data type incompatibility\n")
    (said,) = notices.said
    found = load_errors.skipped(said, "s3://b/k", header_rows=1)
    assert (found.line, found.column, found.value) == (5, "id", "x")


def test_columns_of_parquet(tmp_path: Path) -> None:
    file = tmp_path / "p"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1], "b": ["x"]}), file)
    load_errors.check_parquet(file, "s3://b/p", [("id", "bigint"), ("name", "character varying")])
    for fields, said in (
        ([("id", "bigint")], "Number of columns"),
        ([("id", "bigint"), ("n", "integer")], "column 'n'. Column type: INTEGER, Parquet schema: string b"),
    ):
        with pytest.raises(SqlRefusal, match=said):
            load_errors.check_parquet(file, "s3://b/p", fields)
    file.write_bytes(b"nonsense")
    with pytest.raises(SqlRefusal, match="is not a Parquet file"):
        load_errors.check_parquet(file, "s3://b/p", [])
