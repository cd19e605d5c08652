"""What the journal adds to a call: time and CPU of calls with it, beside the same calls without it, in one run.

A stand-in of EMR in a process of its own answers ListSteps over loopback; boto3 asks on one side with the journal's
hook and on the other without it, in turns of a few calls, so that both see the same machine. The quickest tenth of the
turns is compared, which other processes disturb least. Loopback without TLS answers within two or three milliseconds
where AWS takes tens, so the share of a call's time that is measured here is the most that it can be.

Prints both, and ends with 1 when the journal takes more of a call's time than its limit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
from stand_in import serving

from druid_reindex.clients.journal import Binding, Journal
from druid_reindex.clients.journal_aws import Recorder
from druid_reindex.clients.session import client_config
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.identity import RunId

MOST_SHARE = 0.01
REGION = "us-east-1"
CALLS_PER_TURN = 10
CLUSTER = "j-BENCH00000000"


@dataclass(frozen=True)
class Turn:
    """Seconds of one call of a turn: of its time, and of this process's CPU."""

    elapsed: float
    cpu: float


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=300, help="turns of each side; 10 calls each")
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as spool, _served() as url:
        journal = Journal(Binding(Attempt(RunId(UUID(int=1)), "bench"), "s3://bench/runs", "111122223333"), Path(spool))
        without, kept = _measured(_asking(url, None), _asking(url, journal), turns)
        journal.close()
        lines = journal.path.read_bytes().count(b"\n")
    asked = (turns + 1) * CALLS_PER_TURN
    print(f"{asked} calls on each side, {lines} lines in the journal")  # noqa: T201
    share = _told("time", [turn.elapsed for turn in without], [turn.elapsed for turn in kept])
    _told("CPU", [turn.cpu for turn in without], [turn.cpu for turn in kept])
    return 0 if lines == asked and share <= MOST_SHARE else 1


def _told(what: str, without: list[float], kept: list[float]) -> float:
    """The share that the journal adds, once it is printed."""
    bare, journalled = (statistics.quantiles(each, n=10)[0] for each in (without, kept))
    share = (journalled - bare) / bare
    print(  # noqa: T201
        f"{what} of a call: {1e6 * bare:.0f} us without the journal, {1e6 * journalled:.0f} us with it: "
        f"{100 * share:+.2f} % (limit for time {100 * MOST_SHARE:.0f} %)"
    )
    return share


def _measured(bare: Callable[[], Turn], kept: Callable[[], Turn], turns: int) -> tuple[list[Turn], list[Turn]]:
    """The turns without and with the journal, one of each after the other; who begins changes."""
    bare(), kept()
    without, with_journal = [], []
    for turn in range(turns):
        if turn % 2:
            without.append(bare())
            with_journal.append(kept())
        else:
            with_journal.append(kept())
            without.append(bare())
    return without, with_journal


def _asking(url: str, journal: Journal | None) -> Callable[[], Turn]:
    """A turn of calls."""
    session = boto3.Session("AKIDEXAMPLE", "example", region_name=REGION)
    if journal is not None:
        Recorder(journal).register(session.events)
    emr: Any = session.client("emr", endpoint_url=url, config=client_config())

    def turn() -> Turn:
        began, cpu_began = time.perf_counter(), time.process_time()
        for _ in range(CALLS_PER_TURN):
            emr.list_steps(ClusterId=CLUSTER)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        return Turn(elapsed / CALLS_PER_TURN, cpu / CALLS_PER_TURN)

    return turn


@contextmanager
def _served() -> Iterator[str]:
    """The stand-in's URL, until the block ends; it is a process, so that its CPU is not ours."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


def _serve(parent: Connection) -> None:
    with serving(10) as stand_in:
        parent.send(stand_in.url)
        parent.recv()


if __name__ == "__main__":
    sys.exit(main())
