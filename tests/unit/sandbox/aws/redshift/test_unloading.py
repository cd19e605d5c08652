"""UNLOAD on the engine, into a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.sandbox.aws.redshift import unloading
from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.aws.redshift.moving import Format, Unload
from druid_reindex.sandbox.aws.redshift.refusals import Cancelled, SqlRefusal
from druid_reindex.sandbox.aws.redshift.unloading import Unloading
from redshift_store import FakeStore

NUMBERS = "SELECT i AS id, 'x' || i AS name FROM generate_series(1, 100) AS i"


def unload(engine: Engine, store: FakeStore, folder: Path, query: str = NUMBERS, **options: Any) -> list[Any]:
    asked = Unload(uri="s3://b/out/", **{"format": Format.CSV, **options})
    with engine.session("IAMR:Unloader") as session, session.cursor() as cursor:
        done = Unloading(asked, store, folder, options.pop("cancelled", lambda: False)).run(query, cursor)
    assert list(folder.iterdir()) == []
    return done


def test_slices_take_turns_and_files_end_at_their_size(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unloading, "TURN_BYTES", 50)
    store = FakeStore()
    done = unload(engine, store, folder, max_file_bytes=200, manifest=True)
    names = [each.file.key for each in done]
    assert {name.split("_")[0] for name in names} == {"out/0000", "out/0001"}
    assert "out/0000_part_01" in names
    assert sum(each.rows for each in done) == 100
    lines = b"".join(store.objects[name] for name in names).splitlines()
    assert sorted(int(line.split(b",")[0]) for line in lines) == list(range(1, 101))
    listed = json.loads(store.objects["out/manifest"])["entries"]
    assert [each["url"] for each in listed] == [f"s3://b/{name}" for name in names]


def test_one_after_the_other(engine: Engine, folder: Path) -> None:
    store = FakeStore()
    unload(engine, store, folder, parallel=False, format=Format.JSON, encrypted=True, kms_key="k")
    assert list(store.objects) == ["out/000.json"]
    assert json.loads(store.objects["out/000.json"].splitlines()[0]) == {"id": 1, "name": "x1"}
    assert store.encryptions["out/000.json"] == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}


def test_nothing_leaves_a_manifest_alone(engine: Engine, folder: Path) -> None:
    store = FakeStore()
    assert unload(engine, store, folder, f"{NUMBERS} WHERE false", manifest=True, verbose=True) == []
    assert list(store.objects) == ["out/manifest"]
    assert json.loads(store.objects["out/manifest"])["meta"] == {"content_length": 0, "record_count": 0}


def test_a_place_that_is_taken(engine: Engine, folder: Path) -> None:
    store = FakeStore(**{"out/old": b"x"})
    with pytest.raises(SqlRefusal, match="not empty"):
        unload(engine, store, folder)
    unload(engine, store, folder, clean_path=True)
    assert list(store.objects) == ["out/0000_part_00"]


def test_cancelled_it_leaves_no_manifest(engine: Engine, folder: Path) -> None:
    store, asked = FakeStore(), Unload(uri="s3://b/out/", format=Format.CSV, manifest=True)
    with (
        engine.session("IAMR:Unloader") as session, session.cursor() as cursor, pytest.raises(Cancelled),
    ):  # fmt: skip
        Unloading(asked, store, folder, lambda: True).run(NUMBERS, cursor)
    assert not store.objects
    assert list(folder.iterdir()) == []


def test_a_key_of_the_clients_own_is_refused() -> None:
    with pytest.raises(SqlRefusal, match="MASTER_SYMMETRIC_KEY"):
        unloading.encryption(Unload(encrypted=True))
    assert unloading.encryption(Unload()) == {"ServerSideEncryption": "AES256"}
