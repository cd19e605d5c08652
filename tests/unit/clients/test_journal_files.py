"""Journals reach S3 from the spool: what is written still stays, what a killed process left does not."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from druid_reindex.clients.journal import SPOOL_VARIABLE, Journal, spool_folder
from druid_reindex.clients.journal_files import JournalFiles
from druid_reindex.errors import UnavailableError
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.journal import from_line
from journals import BINDING, RUN, RUNS_URI
from twins import FakeStore

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
FILES = JournalFiles(RUNS_URI, KEY)
AT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
ASKED = DruidCall(AT, "druid:8290", "GET", "/status", "phi", 200, None, None, str(RUN), "reindex.3.2")


@pytest.fixture(autouse=True)
def spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))


def left() -> Journal:
    journal = Journal(BINDING)
    journal.add(ASKED)
    return journal


def test_what_nobody_writes_is_put_below_its_run_under_the_key_and_leaves_the_spool() -> None:
    left().close()
    store = FakeStore()
    (uri,) = FILES.deliver(store)
    assert uri.key.startswith(f"runs/{RUN}/journal/reindex.3.2.")
    assert [from_line(line) for line in store.get(uri).splitlines()] == [ASKED]
    assert store.kms_keys([uri]) == {uri: KEY}
    assert FILES.waiting() == []
    assert FILES.deliver(store) == []


def test_what_is_written_still_stays() -> None:
    journal = left()
    assert FILES.deliver(FakeStore()) == []
    assert FILES.waiting() == [journal.path]
    journal.close()
    assert len(FILES.deliver(FakeStore())) == 1


def _write_and_wait(spool: Path) -> None:
    Journal(BINDING, spool).add(ASKED)
    time.sleep(60)


def test_what_a_killed_process_left_is_delivered_by_another() -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_and_wait, args=(spool_folder(),))
    process.start()
    deadline = time.monotonic() + 30
    while not FILES.waiting() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert FILES.deliver(FakeStore()) == []
    process.kill()
    process.join()
    assert len(FILES.deliver(FakeStore())) == 1


def test_what_could_not_be_put_stays_in_the_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise UnavailableError("write an object", resource="journal", came_back="503", remedy="wait")

    journal = left()
    journal.close()
    monkeypatch.setattr(FakeStore, "put", fail)
    with pytest.raises(UnavailableError):
        FILES.deliver(FakeStore())
    assert FILES.waiting() == [journal.path]


def test_the_other_sides_journals_are_left_alone() -> None:
    other = Journal(replace(BINDING, runs_uri="s3://drx-general-111122223333/runs"))
    other.add(ASKED)
    other.close()
    assert FILES.deliver(FakeStore()) == []
    assert other.path.exists()
