"""Log files in Amazon S3 as ``ports.LogFilesPort``: read line by line, so that a file's size costs no memory.

What is written by others is not trusted in form: bytes that are no UTF-8 are replaced, an endless line is cut.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO

from botocore.response import StreamingBody

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.s3 import S3Client
from druid_reindex.errors import IntegrityError
from druid_reindex.model.uri import S3Uri

LONGEST = 1024 * 1024
_GZIP = b"\x1f\x8b"
_ATTEMPTED = "read a log file"


class LogFiles(S3Client):
    """Log files in one account; the role needs s3:ListBucket and s3:GetObject where they lie, and their key."""

    def lines(self, uri: S3Uri) -> Iterator[str]:
        """The file's lines; gzip is known by its first bytes, whatever the file is called."""
        with translated(_ATTEMPTED, str(uri)):
            body = self._s3.get_object(Bucket=uri.bucket, Key=uri.key)["Body"]
            with body:
                yield from read_lines(_Raw(body), uri)


def read_lines(raw: io.RawIOBase, uri: S3Uri) -> Iterator[str]:
    """The lines of what ``raw`` gives, decompressed where it is gzip. Raises IntegrityError where that breaks off."""
    buffered = io.BufferedReader(raw)
    try:
        if buffered.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
            yield from _lines(gzip.GzipFile(fileobj=buffered))
        else:
            yield from _lines(buffered)
    except (EOFError, gzip.BadGzipFile, zlib.error) as broken:
        raise IntegrityError(
            _ATTEMPTED,
            resource=str(uri),
            came_back=f"gzip that breaks off: {type(broken).__name__}",
            remedy="find out whether it is still being written; else what was there before is in S3's versions",
        ) from broken


def _lines(stream: IO[bytes] | gzip.GzipFile | io.BufferedReader) -> Iterator[str]:
    while line := stream.readline(LONGEST):
        yield line.rstrip(b"\r\n").decode("utf-8", "replace")
        while len(line) == LONGEST and not line.endswith(b"\n"):
            line = stream.readline(LONGEST)


class _Raw(io.RawIOBase):
    """What S3 answers, as a stream that is read in whatever portions its reader likes."""

    def __init__(self, body: StreamingBody) -> None:
        self._body = body

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def readinto(self, into: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's buffer type is private
        """How many bytes were put into ``into``; none at the end."""
        got: bytes = self._body.read(len(into))
        into[: len(got)] = got
        return len(got)
