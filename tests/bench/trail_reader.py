"""Reads a folder of log files as a trail, again and again, and prints the most bytes that its processes may have had.

``python trail_reader.py FOLDER TIMES KEY ...``
"""

from __future__ import annotations

import hashlib
import resource
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import deflate

sys.path.insert(0, str(Path(__file__).parents[1]))

from druid_reindex.clients.trail_reading import TrailReading
from druid_reindex.evidence.trail_digest import LogEntry
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri
from trail_account import BUCKET, HOUR, NIGHT, SCOPE, TrailFiles
from twins import FakeTrail

JUDGES = 2


class Folder(FakeTrail):
    """A trail whose logs lie in a folder."""

    folder: Path

    def log(self, uri: S3Uri) -> bytes | None:
        return (self.folder / f"{uri.key.rpartition('/')[2]}.json.gz").read_bytes()


def in_digests(entries: Sequence[LogEntry], times: int) -> TrailFiles:
    """Signed digests, each of which names all of the files."""
    files = TrailFiles()
    for hour in range(times):
        files.name([(entry.s3_object, entry.hash_value) for entry in entries])
        files.close(NIGHT + (hour + 1) * HOUR)
    return files


def main(folder: Path, times: int, keys: frozenset[str]) -> None:
    entries = []
    for path in sorted(folder.glob("*.json.gz")):
        digest = hashlib.sha256(deflate.gzip_decompress(path.read_bytes())).hexdigest()
        entries.append(LogEntry(BUCKET, f"logs/{path.name.partition('.')[0]}", digest))
    files = in_digests(entries, times)
    port = Folder([SCOPE], files.objects, files.public_keys())
    port.folder = folder
    window, seen = Window(NIGHT, NIGHT + timedelta(hours=times)), 0
    for each in TrailReading(port, SCOPE, keys, JUDGES).read(window):
        assert str(each).endswith(": valid"), each
        seen += isinstance(each, LogCheck)
    assert seen == len(entries) * times
    own, judge = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(1024 * (own + JUDGES * judge))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), frozenset(sys.argv[3:]))
