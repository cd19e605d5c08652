"""COPY from a store, on the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.aws.redshift.loading import Loading, manifest_entries
from druid_reindex.sandbox.aws.redshift.moving import Copy, Format
from druid_reindex.sandbox.aws.redshift.refusals import Cancelled, LoadRefusal, SqlRefusal
from redshift_store import FakeStore


@pytest.fixture
def session(engine: Engine) -> Iterator[Any]:
    with engine.session("IAMR:Loader") as found, found.cursor() as cursor:
        cursor.execute("CREATE TABLE t (made int GENERATED ALWAYS AS IDENTITY, id int NOT NULL, name varchar(5))")
        yield cursor


def loading(store: FakeStore, folder: Path, **options: Any) -> Loading:
    asked = Copy(uri="s3://b/in/", **{"format": Format.CSV, "table": ("t",), **options})
    return Loading(asked, store, folder, lambda: False)


def rows(session: psycopg2.extensions.cursor) -> list[tuple[Any, ...]]:
    session.execute("SELECT id, name FROM t ORDER BY id")
    return session.fetchall()


def test_csv_has_empty_texts_and_null_numbers(session: Any, folder: Path) -> None:
    store = FakeStore(**{"in/a": b"1,\n2,b\n", "in/b": b"3,c\n"})
    done = loading(store, folder).run(session)
    assert [(each.file.key, each.rows, each.size_bytes) for each in done] == [("in/a", 2, 7), ("in/b", 1, 4)]
    assert rows(session) == [(1, ""), (2, "b"), (3, "c")]


def test_options_of_csv(session: Any, folder: Path) -> None:
    store = FakeStore(**{"in/a": b"name|id\n|1\nb|2\n"})
    options = {"columns": ("name", "id"), "ignored_header_rows": 1, "empty_as_null": True, "delimiter": "|"}
    loading(store, folder, **options).run(session)
    assert rows(session) == [(1, None), (2, "b")]


def test_json_by_names(session: Any, folder: Path) -> None:
    loading(FakeStore(**{"in/a": b'{"id": 1, "name": "x", "more": 1}\n'}), folder, format=Format.JSON).run(session)
    assert rows(session) == [(1, "x")]


def test_a_line_that_is_no_record(session: Any, folder: Path) -> None:
    store = FakeStore(**{"in/a": b'{"id": 1}\nnonsense\n'})
    with pytest.raises(LoadRefusal) as raised:
        loading(store, folder, format=Format.JSON).run(session)
    assert [(each.line, each.code) for each in raised.value.errors] == [(2, 1216)]


def test_errors_are_passed_over_up_to_the_last_one(session: Any, folder: Path) -> None:
    store = FakeStore(**{"in/a": b"x,a\n1,b\n", "in/b": b"2,c\ny,d\n"})
    tolerant = loading(store, folder, max_errors=3)
    done = tolerant.run(session)
    assert [each.errors for each in done] == [1, 1]
    assert [(each.file, each.line, each.column) for each in tolerant.wrong] == [
        ("s3://b/in/a", 1, "id"), ("s3://b/in/b", 2, "id"),
    ]  # fmt: skip
    assert rows(session) == [(1, "b"), (2, "c")]


def test_a_manifest_is_all_there_or_nothing_is_loaded(session: Any, folder: Path) -> None:
    store = FakeStore(**{"in/a": b"1,a\n"})
    entries = [{"url": "s3://b/in/a", "mandatory": True}, {"url": "s3://b/in/b", "mandatory": True}]
    store.objects["in/"] = json.dumps({"entries": entries}).encode()
    with pytest.raises(SqlRefusal, match="Status 404,Error NoSuchKey"):
        loading(store, folder, manifest=True).run(session)
    entries = [{"url": "s3://b/in/a", "meta": {"content_length": 9}}]
    store.objects["in/"] = json.dumps({"entries": entries}).encode()
    with pytest.raises(SqlRefusal, match="9 bytes of a file that has 4"):
        loading(store, folder, manifest=True).run(session)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"table": ("nothing",)}, "Cannot COPY into nonexistent table nothing"),
        ({"columns": ("other",)}, 'column "other"'),
        ({"uri_key": "else"}, "does not exist"),
    ],
)
def test_what_is_refused(session: Any, folder: Path, options: dict[str, Any], said: str) -> None:
    store = FakeStore() if options.pop("uri_key", None) else FakeStore(**{"in/a": b""})
    with pytest.raises(SqlRefusal, match=said):
        loading(store, folder, **options).run(session)


def test_cancelled_it_stops(session: Any, folder: Path) -> None:
    asked = Copy(uri="s3://b/in/", format=Format.CSV, table=("t",))
    with pytest.raises(Cancelled):
        Loading(asked, FakeStore(**{"in/a": b"1,a\n"}), folder, lambda: True).run(session)


@pytest.mark.parametrize("document", [[], {"entries": 1}, {"entries": [{"url": "http://x"}]}])
def test_what_is_no_manifest(document: Any) -> None:
    with pytest.raises(SqlRefusal):
        list(manifest_entries(document, needs_size=False))


def test_parquet_needs_sizes() -> None:
    with pytest.raises(SqlRefusal, match="content_length"):
        list(manifest_entries({"entries": [{"url": "s3://b/k"}]}, needs_size=True))
