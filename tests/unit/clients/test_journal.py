"""The journal's file: whole lines of threads, forks and killed processes; private; an error if not written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from druid_reindex.clients.journal import SPOOL_VARIABLE, Journal, current, journalled, spool_folder, stored_uri
from druid_reindex.errors import UnavailableError
from druid_reindex.model.druid_call import DruidCall
from journals import BINDING, RUN, RUNS_URI, calls_in

AT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
ASKED = DruidCall(AT, "druid:8290", "GET", "/status", "phi", 200, None, None, str(RUN), BINDING.attempt.task)


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    journal = Journal(BINDING, tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: journal.add(replace(ASKED, path="/" + "x" * n)), range(400)))
    journal.close()
    found = calls_in(journal.path)
    assert sorted(len(call.path) for call in found if isinstance(call, DruidCall)) == list(range(1, 401))


def test_what_was_written_is_there_when_a_fork_of_the_process_is_killed(tmp_path: Path) -> None:
    journal = Journal(BINDING, tmp_path)
    journal.add(ASKED)
    child = os.fork()
    if not child:
        while True:
            journal.add(replace(ASKED, path="/child"))
    deadline = time.monotonic() + 20
    while len(calls_in(journal.path)) < 100 and time.monotonic() < deadline:
        journal.add(replace(ASKED, path="/parent"))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    body = journal.path.read_bytes()
    assert body.endswith(b"\n")
    paths = {call.path for call in calls_in(journal.path) if isinstance(call, DruidCall)}
    assert {"/status", "/parent"} <= paths
    journal.close()


def _write_until_killed(spool: Path) -> None:
    journal, number = Journal(BINDING, spool), 0
    while True:
        journal.add(replace(ASKED, path=f"/{number}"))
        Path(spool, "told").write_text(str(number))
        number += 1


def test_each_line_that_was_told_of_is_in_the_file_of_a_killed_process(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_until_killed, args=(tmp_path,))
    process.start()
    told = tmp_path / "told"
    deadline = time.monotonic() + 30
    while not (told.exists() and int(told.read_text() or 0) > 50) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.join()
    (path,) = tmp_path.rglob("*.jsonl")
    found = calls_in(path)
    assert path.read_bytes().endswith(b"\n")
    assert len(found) > int(told.read_text() or 0)
    assert [call.path for call in found if isinstance(call, DruidCall)] == [f"/{n}" for n in range(len(found))]


def test_nothing_is_made_before_the_first_line_and_nothing_kept_after_the_end(tmp_path: Path) -> None:
    journal = Journal(BINDING, tmp_path)
    assert not list(tmp_path.iterdir())
    journal.add(ASKED)
    journal.close()
    journal.add(ASKED)
    assert len(calls_in(journal.path)) == 1


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    journal = Journal(BINDING, tmp_path / "spool")
    journal.add(ASKED)
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    journal.close()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with pytest.raises(UnavailableError, match=f"another user's.*{SPOOL_VARIABLE}"):
        Journal(BINDING, tmp_path).add(ASKED)


def test_a_full_disk_is_an_error_that_a_retry_may_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(Journal, "_opened", lambda _: full)
    with pytest.raises(UnavailableError, match="No space left"):
        Journal(BINDING, tmp_path).add(ASKED)
    os.close(full)


def test_it_belongs_below_its_runs_prefix(tmp_path: Path) -> None:
    uri = stored_uri(Journal(BINDING, tmp_path).path, RUNS_URI)
    assert str(uri).startswith(f"s3://drx-phi-111122223333/runs/{RUN}/journal/reindex.3.2.20")
    assert uri.key.endswith(".jsonl")


def test_two_parts_of_one_try_are_two_files(tmp_path: Path) -> None:
    assert Journal(BINDING, tmp_path).path != Journal(BINDING, tmp_path).path


def test_it_is_the_present_one_until_the_block_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    assert spool_folder() == tmp_path
    with journalled(BINDING) as journal:
        assert current() is journal
    assert current() is None
    journal.add(ASKED)
    assert not journal.path.exists()
