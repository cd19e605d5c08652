"""Records on disk: those that wait for their delivery, and the history of management events that LookupEvents reads."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

Json = dict[str, Any]

_BLOCK = 1 << 16
_LINE = msgspec.json.Decoder(tuple[float, str, str, bool, str, msgspec.Raw])
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


@dataclass(frozen=True)
class Waiting:
    """A record that waits until `due`, in epoch seconds; `quiet` ones are no reason for a delivery by themselves.

    `text` is the record as JSON, `at` its event's time.
    """

    due: float
    trail: str
    region: str
    quiet: bool
    at: str
    text: bytes

    def line(self) -> bytes:
        """The record as a line of the file."""
        head = _encode((self.due, self.trail, self.region, self.quiet, self.at))
        return b"%b,%b]\n" % (head[:-1], self.text)


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

    def keep(self, waiting: Sequence[Waiting], history: Sequence[bytes] = ()) -> None:
        """Keep records until they are taken, and management events, as JSON, for LookupEvents."""
        lines, remembered = [each.line() for each in waiting], [b"%b\n" % each for each in history]
        loud = sum(not each.quiet for each in waiting)
        with self._lock:
            if lines:
                os.write(self._appended, b"".join(lines))
                self._loud += loud
            if remembered:
                os.write(self._kept, b"".join(remembered))

    def take(self, until: float) -> Iterator[Waiting]:
        """Yield the records that are due, each once; what is not due, or not read by the caller, waits on."""
        with self._lock:
            os.close(self._appended)
            taken = self._pending.with_suffix(".taken")
            self._pending.rename(taken)
            self._appended, self._loud = self._opened(self._pending), 0
        with taken.open("rb") as lines:
            for line in lines:
                waiting = _read(line)
                if waiting.due <= until:
                    yield waiting
                else:
                    self.keep([waiting])
        taken.unlink()

    def history(self) -> Iterator[Json]:
        """Yield the management events, the newest first."""
        with self._history.open("rb") as handle:
            for line in _backwards(handle):
                yield _decode(line)

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            os.close(self._appended)
            os.close(self._kept)

    @staticmethod
    def _opened(path: Path) -> int:
        return os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)


def _read(line: bytes) -> Waiting:
    due, trail, region, quiet, at, text = _LINE.decode(line)
    return Waiting(due, trail, region, quiet, at, bytes(text))


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
