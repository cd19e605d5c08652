"""Reads the journal of a run from S3, the files of all its tasks' tries together."""

from __future__ import annotations

from collections.abc import Iterable

from druid_reindex.model.journal import FOLDER, JournalledCall, from_line, whole_lines
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.ports import ObjectStorePort


def journal_files(store: ObjectStorePort, runs_uri: str, run: str) -> list[StoredObject]:
    """The journal's files of ``run``, which for triggers is the deployment's id, as they lie below ``runs_uri`` now."""
    return store.listing(S3Uri.parse(runs_uri) / f"{run}/{FOLDER}/")


def read_journal(store: ObjectStorePort, files: Iterable[StoredObject]) -> list[JournalledCall]:
    """The calls in ``files``, in order of time.

    A line that was cut off as its process was killed is none. Raises ProtocolError for one that cannot be read.
    """
    found = [from_line(line) for each in files for line in whole_lines(store.get(each.uri))]
    return sorted(found, key=lambda call: call.attempted_at)
