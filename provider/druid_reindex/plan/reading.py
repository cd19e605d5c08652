"""What a job reads: the data of its chunks, piece by piece, and nothing where Druid knows that there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Chunk
from druid_reindex.plan.timeline import Piece, serving


@dataclass(frozen=True, slots=True)
class Window:
    """A segment, and the span of time in which its rows count (Druid's ``WindowedDataSegment``)."""

    segment: Segment
    interval: Interval


def windows(chunks: Iterable[Chunk]) -> list[Window]:
    """The segments to read, each with the part of ``chunks`` that it serves; a segment may have several parts."""
    return [
        Window(segment, piece.interval)
        for chunk in chunks
        for piece in _served(chunk)
        if not piece.source.is_tombstone
        for segment in piece.source.segments
    ]


def read_intervals(chunks: Iterable[Chunk]) -> Iterator[Interval]:
    """The chunks' intervals without what a tombstone serves: Hadoop jobs fail on a tombstone.

    Source: https://github.com/apache/druid/blob/25.0.0/indexing-hadoop/src/main/java/org/apache/druid/indexer/JobHelper.java
    """
    for chunk in chunks:
        start = chunk.interval.start
        for piece in _served(chunk):
            if piece.source.is_tombstone:
                if start < piece.interval.start:
                    yield Interval(start, piece.interval.start)
                start = piece.interval.end
        if start < chunk.interval.end:
            yield Interval(start, chunk.interval.end)


def _served(chunk: Chunk) -> Iterator[Piece]:
    """The pieces that serve ``chunk``, cut to it where a longer segment's leftover reaches in."""
    for piece in serving(chunk.read):
        if piece.interval.overlaps(chunk.interval):
            start = max(piece.interval.start, chunk.interval.start)
            yield Piece(Interval(start, min(piece.interval.end, chunk.interval.end)), piece.source)
