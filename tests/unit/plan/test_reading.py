"""What a job reads of its chunks."""

from __future__ import annotations

from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Chunk
from druid_reindex.plan.reading import read_intervals, windows
from timelines import one_job, segment, span, tombstone


def chunk(interval: str, *segments: Segment) -> Chunk:
    return Chunk(span(interval), segments, (), 1)


def read(*chunks: Chunk) -> list[tuple[str, str]]:
    return [(w.segment.version, f"{w.interval.start:%dT%H}/{w.interval.end:%dT%H}") for w in windows(chunks)]


def test_a_segment_is_read_in_its_chunk() -> None:
    day = chunk("09-01/09-02", *one_job("09-01/09-02", 2, version="v1"))
    assert read(day) == [("v1", "01T00/02T00")] * 2
    assert list(read_intervals([day])) == [span("09-01/09-02")]


def test_only_the_visible_part_of_a_segment_is_read() -> None:
    day = chunk("09-01/09-02", segment("09-01/09-02", "v1"), segment("09-01T05/09-01T06", "v2"))
    assert read(day) == [("v1", "01T00/01T05"), ("v2", "01T05/01T06"), ("v1", "01T06/02T00")]


def test_a_tombstone_is_not_read() -> None:
    day = chunk("09-01/09-02", segment("09-01/09-02", "v1"), tombstone("09-01T05/09-01T06", "v2"))
    assert read(day) == [("v1", "01T00/01T05"), ("v1", "01T06/02T00")]
    assert list(read_intervals([day])) == [span("09-01T00/09-01T05"), span("09-01T06/09-02T00")]


def test_an_emptied_end_of_a_chunk_is_left_out() -> None:
    day = chunk("09-01/09-02", segment("09-01/09-02", "v1"), tombstone("09-01T20/09-02T00", "v2"))
    assert list(read_intervals([day])) == [span("09-01T00/09-01T20")]


def test_a_longer_segment_is_read_in_each_chunk_by_itself() -> None:
    month = segment("09-01/10-01", "v1")
    assert read(chunk("09-15/09-16", month), chunk("09-18/09-19", month)) == [
        ("v1", "15T00/16T00"),
        ("v1", "18T00/19T00"),
    ]


def test_a_chunk_without_segments_is_read_from_files_alone() -> None:
    assert read(chunk("09-01/09-02")) == []
    assert list(read_intervals([chunk("09-01/09-02")])) == [span("09-01/09-02")]
