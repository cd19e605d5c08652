"""Reads a trail's files through ``ports.TrailPort``, many at once, and has each judged in a process of its own.

What is held at any time: the compressed bytes of a few files, and one decompressed file in each process.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Lock

from druid_reindex.evidence.trail_chain import DigestSource, Gap, Link, walk
from druid_reindex.evidence.trail_digest import LogEntry
from druid_reindex.evidence.trail_log import LogCheck, check_log
from druid_reindex.evidence.trail_search import Searcher
from druid_reindex.model.trail import TrailScope, Window, is_backfill
from druid_reindex.ports import TrailPort

READS_AT_ONCE = 8
_SIGNED_LATER = timedelta(hours=2)  # a digest is signed after its hour
_BACKFILLED = timedelta(days=7)  # and a backfill later still
Check = Callable[[LogEntry, bytes | None], LogCheck]


@dataclass(frozen=True, slots=True)
class TrailReading:
    """One Region of a trail; ``keys`` are what its events are searched for, none for a look at the files alone."""

    port: TrailPort
    scope: TrailScope
    keys: frozenset[str] = frozenset()
    processes: int = 1

    def read(self, window: Window) -> Iterator[Link | Gap | LogCheck]:
        """Each digest of the window, newest first, each gap, and each log file that a valid digest names.

        Raises an error of ``errors`` where a file could not be read: that is no verdict on it.
        """
        with self._checking() as check, ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="trail") as readers:
            waiting: deque[Future[LogCheck]] = deque()
            for seen in self._digests(window):
                yield seen
                for entry in _entries(seen):
                    waiting.append(readers.submit(self._one, check, entry))
                    if len(waiting) >= READS_AT_ONCE:
                        yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _digests(self, window: Window) -> Iterator[Link | Gap]:
        for backfill, later in ((False, _SIGNED_LATER), (True, _BACKFILLED)):
            listed = partial(self._listed, window, backfill)
            if not listed(self.scope.bucket):
                continue
            keys = self.port.public_keys(Window(window.start, window.end + later))
            yield from walk(DigestSource(listed, self.port.digest, keys), self.scope.bucket, window)

    def _listed(self, window: Window, backfill: bool, bucket: str) -> list[str]:
        keys = self.port.digest_keys(self.scope.in_bucket(bucket), window)
        return [key for key in keys if is_backfill(key) is backfill]

    def _one(self, check: Check, entry: LogEntry) -> LogCheck:
        return check(entry, self.port.log(entry.uri))

    @contextmanager
    def _checking(self) -> Iterator[Check]:
        """What judges a file: other processes, or this one where a single one is wanted."""
        if self.processes == 1:
            yield _Alone(self.keys).check
            return
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.processes, mp_context=fresh, initializer=_start, initargs=(self.keys,)) as pool:
            yield lambda entry, body: pool.submit(_check, entry, body).result()


class _Alone:
    """Judges one file at a time, as the search's memory serves one at a time."""

    def __init__(self, keys: frozenset[str]) -> None:
        self._searcher = Searcher(keys) if keys else None
        self._lock = Lock()

    def check(self, entry: LogEntry, body: bytes | None) -> LogCheck:
        """What became of the file."""
        with self._lock:
            return check_log(entry, body, self._searcher)


_of_process: list[_Alone] = []


def _start(keys: frozenset[str]) -> None:
    """Prepare the process that is to judge files."""
    _of_process.append(_Alone(keys))


def _check(entry: LogEntry, body: bytes | None) -> LogCheck:
    return _of_process[-1].check(entry, body)


def _entries(seen: Link | Gap) -> list[LogEntry]:
    return seen.digest.log_files if isinstance(seen, Link) and seen.digest is not None else []
