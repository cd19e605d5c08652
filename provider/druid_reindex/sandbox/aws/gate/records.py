"""Keeps decisions as they fall, one line of JSON each, below the sandbox's home."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from druid_reindex.sandbox.aws.iam.replay import Recorded, documents_line
from druid_reindex.sandbox.home import SandboxHome

FILE = "decisions.jsonl"


def file(home: SandboxHome) -> Path:
    """Return where the account of this home keeps its decisions."""
    return home.data("aws") / FILE


class Records:
    """Appends to a new file, mode 0600; documents are written before the first decision that they take part in."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        self._handle = path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._known: dict[str, Mapping[str, str]] = {}

    def keep(self, recorded: Recorded, documents: Mapping[str, Mapping[str, str]]) -> None:
        """Append the decision."""
        with self._lock:
            for owner, texts in documents.items():
                if self._known.get(owner) != texts:
                    self._known[owner] = dict(texts)
                    self._handle.write(documents_line(owner, texts) + "\n")
            self._handle.write(recorded.line() + "\n")

    def close(self) -> None:
        """Close the file; nothing can be kept after this."""
        with self._lock:
            self._handle.close()
