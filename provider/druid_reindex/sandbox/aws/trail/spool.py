"""Records on disk: those that wait for their delivery, and the history of management events that LookupEvents reads."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

Json = dict[str, Any]

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Waiting:
    """A record that waits until `due`, in epoch seconds; `quiet` ones are no reason for a delivery by themselves."""

    due: float
    trail: str
    region: str
    record: Json
    quiet: bool = False

    def line(self) -> str:
        """The record as a line of the file."""
        return json.dumps([self.due, self.trail, self.region, self.quiet, self.record], separators=(",", ":")) + "\n"


class Spool:
    """Two files in `folder`, new with each account, mode 0600. Every record is whole on disk when `keep` returns."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        self._pending, self._history = folder / "pending.jsonl", folder / "history.jsonl"
        self._lock = threading.Lock()
        self._appended = self._opened(self._pending)
        self._kept = self._opened(self._history)
        self._loud = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits that is worth a delivery."""
        return self._loud == 0

    def wait(self, waiting: Waiting) -> None:
        """Keep a record until it is taken."""
        with self._lock:
            self._append(waiting)

    def remember(self, record: Json) -> None:
        """Keep a management event for LookupEvents."""
        line = json.dumps(record, separators=(",", ":")) + "\n"
        with self._lock:
            self._kept.write(line)
            self._kept.flush()

    def take(self, until: float) -> Iterator[Waiting]:
        """Yield the records that are due, each once; what is not due, or not read by the caller, waits on."""
        with self._lock:
            self._appended.close()
            taken = self._pending.with_suffix(".taken")
            self._pending.rename(taken)
            self._appended, self._loud = self._opened(self._pending), 0
        with taken.open(encoding="utf-8") as lines:
            for line in lines:
                waiting = _read(line)
                if waiting.due <= until:
                    yield waiting
                else:
                    self.wait(waiting)
        taken.unlink()

    def history(self) -> Iterator[Json]:
        """Yield the management events, the newest first."""
        with self._history.open("rb") as handle:
            for line in _backwards(handle):
                yield json.loads(line)

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            self._appended.close()
            self._kept.close()

    def _append(self, waiting: Waiting) -> None:
        self._appended.write(waiting.line())
        self._appended.flush()
        self._loud += not waiting.quiet

    @staticmethod
    def _opened(path: Path) -> IO[str]:
        return os.fdopen(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a", encoding="utf-8")


def _read(line: str) -> Waiting:
    due, trail, region, quiet, record = json.loads(line)
    return Waiting(due, trail, region, record, quiet)


def _backwards(handle: IO[bytes]) -> Iterator[bytes]:
    """The file's whole lines, the last first, a block at a time; an unfinished last line is left out."""
    place = handle.seek(0, os.SEEK_END)
    rest = b""
    is_end = True
    while place:
        size = min(_BLOCK, place)
        place = handle.seek(place - size)
        lines = (handle.read(size) + rest).split(b"\n")
        rest = lines[0]
        if is_end:
            lines.pop()
            is_end = len(lines) == 0
        yield from (line for line in reversed(lines[1:]) if line)
    if rest:
        yield rest
