"""A run's journal, read from S3."""

from __future__ import annotations

from datetime import timedelta

import pytest

from druid_reindex.clients.run_journals import journal_files, read_journal
from druid_reindex.errors import ProtocolError
from druid_reindex.model.journal import JournalledCall, to_line
from druid_reindex.model.uri import S3Uri
from trail_account import NIGHT
from trail_runs import RUN, call
from twins import FakeStore

RUNS = "s3://drx-phi-111122223333/runs/"
FOLDER = S3Uri.parse(RUNS) / f"{RUN}/journal"
FIRST, SECOND = call(1), call(2, NIGHT + timedelta(seconds=1))


def read(store: FakeStore, run: str = RUN) -> list[JournalledCall]:
    return read_journal(store, journal_files(store, RUNS, run))


def test_all_files_of_all_tries_in_order_of_time() -> None:
    store = FakeStore()
    store.put(FOLDER / "a.jsonl", to_line(SECOND), kms_key_arn="k")
    store.put(FOLDER / "b.jsonl", to_line(FIRST), kms_key_arn="k")
    store.put(S3Uri.parse(RUNS) / f"{RUN}-of-another/journal/a.jsonl", to_line(FIRST), kms_key_arn="k")
    assert read(store) == [FIRST, SECOND]
    assert read(store, "nobody") == []


def test_a_line_that_was_cut_off_is_none_and_one_that_is_damaged_is_told() -> None:
    store = FakeStore()
    store.put(FOLDER / "a.jsonl", to_line(FIRST) + to_line(SECOND)[:40], kms_key_arn="k")
    assert read(store) == [FIRST]
    store.put(FOLDER / "b.jsonl", b"{}\n", kms_key_arn="k")
    with pytest.raises(ProtocolError):
        read(store)
