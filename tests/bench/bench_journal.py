"""What the journal adds to a call: CPU and time of calls with it, beside the same calls without it, in one run.

A stand-in of EMR in a process of its own answers ListSteps over loopback; boto3 asks on one side with the journal's
hook and on the other without it, in turns of a few calls, so that both see the same machine. Loopback answers in a
millisecond or two where AWS takes tens, so the share measured here is the most that it can be.

Prints the medians and their ratio, and ends with 1 when the journal adds more than its limit.
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
CALLS_PER_TURN = 20
CLUSTER = "j-BENCH00000000"


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=150, help="turns of each side; 20 calls each")
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as spool, _served() as url:
        journal = Journal(Binding(Attempt(RunId(UUID(int=1)), "bench"), "s3://bench/runs", "111122223333"), Path(spool))
        bare, kept = _asking(url, None), _asking(url, journal)
        without, with_journal = _measured(bare, kept, turns)
        journal.close()
        lines = journal.path.read_bytes().count(b"\n")
    asked = (turns + 1) * CALLS_PER_TURN
    added = statistics.median(sorted(a - b for a, b in zip(with_journal, without, strict=True)))
    share = added / statistics.median(without)
    print(f"{asked} calls on each side, {lines} lines in the journal")  # noqa: T201
    print(f"a call without the journal: {1e6 * statistics.median(without):.0f} us of CPU (median of turns)")  # noqa: T201
    print(f"a call with the journal:    {1e6 * statistics.median(with_journal):.0f} us of CPU")  # noqa: T201
    print(f"the journal adds {1e6 * added:.1f} us: {100 * share:.2f} % of the call")  # noqa: T201
    return 0 if lines == asked and share <= MOST_SHARE else 1


def _measured(bare: Callable[[], float], kept: Callable[[], float], turns: int) -> tuple[list[float], list[float]]:
    """Seconds a call, turn by turn, without and with the journal; who begins changes from turn to turn."""
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


def _asking(url: str, journal: Journal | None) -> Callable[[], float]:
    """A turn of calls, which tells the CPU seconds of one."""
    session = boto3.Session("AKIDEXAMPLE", "example", region_name=REGION)
    if journal is not None:
        Recorder(journal).register(session.events)
    emr: Any = session.client("emr", endpoint_url=url, config=client_config())

    def turn() -> float:
        began = time.process_time()
        for _ in range(CALLS_PER_TURN):
            emr.list_steps(ClusterId=CLUSTER)
        return (time.process_time() - began) / CALLS_PER_TURN

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
