"""Puts journals from a worker's spool into S3: a try's own when it ends, and what killed processes have left.

A journal that is still written is locked by its process, and the lock ends with the process, however that ends. A file
leaves the spool once S3 has it; put twice, after a crash between the two, it is the same object.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from druid_reindex.clients.journal import spool_folder, spooled, stored_uri
from druid_reindex.model.journal import SUFFIX

if TYPE_CHECKING:
    from druid_reindex.model.uri import S3Uri
    from druid_reindex.ports import ObjectStorePort


@dataclass(frozen=True, slots=True)
class JournalFiles:
    """The journals in this worker's spool that belong below ``runs_uri``, under the key ``kms_key_arn``."""

    runs_uri: str
    kms_key_arn: str

    def waiting(self) -> list[Path]:
        """Those that are there, written still or not; oldest names first."""
        return sorted(spooled(spool_folder(), self.runs_uri).glob(f"*{SUFFIX}"))

    def deliver(self, store: ObjectStorePort) -> list[S3Uri]:
        """Put into ``store`` what nobody writes any more, and where it is now. Raises the first error of ``store``."""
        delivered = []
        for path in self.waiting():
            with _unwritten(path) as body:
                if body is not None:
                    uri = stored_uri(path, self.runs_uri)
                    store.put(uri, body, kms_key_arn=self.kms_key_arn)
                    path.unlink()
                    delivered.append(uri)
        return delivered


@contextmanager
def _unwritten(path: Path) -> Iterator[bytes | None]:
    """The file's content, which nobody else delivers meanwhile; None for one that is written still, or delivered."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    with os.fdopen(file, "rb") as reader:
        yield reader.read() if _locked(file) and os.fstat(file).st_nlink else None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
