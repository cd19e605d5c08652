"""Records on disk: each is taken once, and the history is read from its end."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.trail.spool import Spool, Waiting


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "trail")
    yield made
    made.close()


def waiting(number: int, *, due: float = 0.0, quiet: bool = False) -> Waiting:
    return Waiting(due, "trail", "us-east-1", quiet, "2026-11-22T05:00:00Z", text(number))


def text(number: int, filler: str = "") -> bytes:
    return json.dumps({"number": number, "filler": filler}).encode()


def numbers(taken: Iterable[Waiting]) -> list[int]:
    return [json.loads(each.text)["number"] for each in taken]


def test_what_is_due_is_taken_once_and_the_rest_waits(spool: Spool) -> None:
    for number, due in ((1, 10.0), (2, 99.0), (3, 20.0)):
        spool.keep([waiting(number, due=due)])
    assert numbers(spool.take(50.0)) == [1, 3]
    assert numbers(spool.take(50.0)) == []
    assert numbers(spool.take(float("inf"))) == [2]


def test_quiet_records_alone_are_no_reason_for_a_delivery(spool: Spool) -> None:
    spool.keep([waiting(1, quiet=True)])
    assert spool.is_idle
    spool.keep([waiting(2)])
    assert not spool.is_idle
    assert len(list(spool.take(1.0))) == 2
    assert spool.is_idle


def test_what_comes_while_others_are_taken_waits_for_the_next_time(spool: Spool) -> None:
    spool.keep([waiting(1)])
    taking = spool.take(1.0)
    assert json.loads(next(taking).text)["number"] == 1
    spool.keep([waiting(2)])
    assert list(taking) == []
    assert numbers(spool.take(1.0)) == [2]


def test_the_history_is_read_from_its_end_across_blocks(spool: Spool) -> None:
    for number in range(500):
        spool.keep([], [text(number, "é" * 200)])
    assert [each["number"] for each in spool.history()] == list(range(499, -1, -1))


def test_an_empty_and_an_unfinished_history(spool: Spool, tmp_path: Path) -> None:
    assert list(spool.history()) == []
    spool.keep([], [text(1)])
    with (tmp_path / "trail" / "history.jsonl").open("a") as handle:
        handle.write('{"number": 2')
    assert [each["number"] for each in spool.history()] == [1]


def test_the_files_are_private_and_new_with_each_account(tmp_path: Path) -> None:
    first = Spool(tmp_path / "trail")
    first.keep([], [text(1)])
    first.close()
    second = Spool(tmp_path / "trail")
    assert list(second.history()) == []
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "trail").iterdir()} == {0o600}
    second.close()
