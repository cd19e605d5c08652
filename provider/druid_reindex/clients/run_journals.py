"""Reads the journal of a run from S3, the files of all its tasks' tries together."""

from __future__ import annotations

from druid_reindex.model.journal import FOLDER, JournalledCall, from_line, whole_lines
from druid_reindex.model.uri import S3Uri
from druid_reindex.ports import ObjectStorePort


def read_journals(store: ObjectStorePort, runs_uri: str, run: str) -> list[JournalledCall]:
    """The calls that lie below ``runs_uri`` for ``run``, which for triggers is the deployment's id; in order of time.

    A line that was cut off as its process was killed is none. Raises ProtocolError for one that cannot be read.
    """
    folder = S3Uri.parse(runs_uri) / f"{run}/{FOLDER}/"
    found = [from_line(line) for each in store.listing(folder) for line in whole_lines(store.get(each.uri))]
    return sorted(found, key=lambda call: call.attempted_at)
