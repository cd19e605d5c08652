"""The journal of a task's try: each request to AWS and to Druid is a line in a file before its answer is used.

The file lies in the spool, a folder of the worker; when the try ends, fails or begins to wait, it is put into S3, below
the run's prefix. ``clients.journal_files`` also puts there what killed processes have left. Each line is
one ``write`` to a file that was opened with O_APPEND, so lines of threads and of forked processes never mix, and what
was answered is in the file when its process is killed. Nothing is synced to the disk: a line may be lost with the
machine. What puts a journal into S3 is in no journal: that one PutObject, below ``journal/``, bears the try's session
name. A request whose process is killed before the answer arrives is in no journal either.

Source: https://pubs.opengroup.org/onlinepubs/9699919799/functions/write.html
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

from druid_reindex.errors import UnavailableError
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.journal import FOLDER, SUFFIX, JournalledCall, to_line
from druid_reindex.model.uri import S3Uri

SPOOL_VARIABLE = "DRUID_REINDEX_SPOOL"
_writing: ContextVar[Journal | None] = ContextVar("writing", default=None)


@dataclass(frozen=True, slots=True)
class Binding:
    """Who asks, where their journal belongs (``runs_uri``, of a boundary), and the account that is asked.

    It lies below ``folder``, which for the triggers and the command line is the deployment's id, else below the run's.
    """

    attempt: Attempt
    runs_uri: str
    account: str
    folder: str = ""


class Journal:
    """The file of one try, or of one part of it between two waits; made when the first line is written."""

    def __init__(self, binding: Binding, spool: Path | None = None) -> None:
        self.attempt, self.account = binding.attempt, binding.account
        self.run, self.task = str(self.attempt.run), self.attempt.task
        self._spool = spool or spool_folder()
        self.path = spooled(self._spool, binding.runs_uri) / f"{binding.folder or self.run}.{_file_name(self.attempt)}"
        self._lock = Lock()
        self._file: int | None = None
        self._closed = False

    def add(self, call: JournalledCall) -> None:
        """Append ``call``; nothing is kept once the journal is closed. Raises UnavailableError when it cannot be."""
        line = to_line(call)
        with self._lock:
            if self._closed:
                return
            try:
                if self._file is None:
                    self._file = self._opened()
                written = os.write(self._file, line)
            except OSError as error:
                raise self._failure(error.strerror or type(error).__name__) from error
        if written != len(line):
            raise self._failure(f"only {written} of {len(line)} bytes were written")

    def close(self) -> None:
        """Keep no more; the file, where there is one, can be put into S3."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _opened(self) -> int:
        """The file, locked as long as a process that writes it lives; it has its name once it is locked."""
        _keep_private(self._spool)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        file = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        new.rename(self.path)
        return file

    def _failure(self, came_back: str) -> UnavailableError:
        return UnavailableError(
            "write the journal of calls",
            resource=str(self.path),
            came_back=came_back,
            remedy=f"make room there, or name another folder of this worker in {SPOOL_VARIABLE}",
        )


def current() -> Journal | None:
    """The journal that is being written; clients keep the one in which they were made."""
    return _writing.get()


@contextmanager
def journalled(binding: Binding) -> Iterator[Journal]:
    """Yield the journal of all that is asked until the block ends, by clients that are made meanwhile."""
    journal = Journal(binding)
    token = _writing.set(journal)
    try:
        yield journal
    finally:
        _writing.reset(token)
        journal.close()


def spool_folder() -> Path:
    """``DRUID_REINDEX_SPOOL``, else a folder of this user below the system's one for temporary files."""
    named = os.environ.get(SPOOL_VARIABLE)
    return Path(named) if named else Path(tempfile.gettempdir()) / f"druid-reindex-spool-{os.getuid()}"


def spooled(spool: Path, runs_uri: str) -> Path:
    """The folder of the spool with the journals that belong below ``runs_uri``."""
    runs = S3Uri.parse(runs_uri)
    return spool / runs.bucket / runs.key


def stored_uri(file: Path, runs_uri: str) -> S3Uri:
    """Where the journal that lies in the spool as ``file`` belongs: below its run's prefix."""
    run, _, name = file.name.partition(".")
    return S3Uri.parse(runs_uri) / f"{run}/{FOLDER}/{name}"


def _file_name(attempt: Attempt) -> str:
    """Task, try and the present time for people, and what no other process makes."""
    return f"{attempt.task}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{uuid4().hex[:12]}{SUFFIX}"


def _keep_private(spool: Path) -> None:
    """Make the spool where there is none. Raises PermissionError for one that somebody else has made."""
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    if spool.lstat().st_uid != os.getuid():
        raise PermissionError(errno.EPERM, "the folder is another user's")
