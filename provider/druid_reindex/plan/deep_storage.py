"""Where Druid keeps a segment in S3, and which segment an address there belongs to.

Below the storage's root lie datasource, interval, version and partition, whoever made the segment: a Hadoop job or a
native task, which may put a folder of its own below that.
Source: https://github.com/apache/druid/blob/25.0.0/core/src/main/java/org/apache/druid/segment/loading/DataSegmentPusher.java
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from druid_reindex.model.interval import Interval, format_instant
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """What tells a segment of a datasource from the others, by which it is found in deep storage."""

    interval: Interval
    version: str
    partition_num: int = 0

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """The segment's name."""
        return cls(segment.interval, segment.version, segment.partition_num)

    @classmethod
    def parse(cls, datasource: str, segment_id: str) -> Self:
        """The name in Druid's ``segment_id``. Raises ValueError for what is no id of a segment of ``datasource``."""
        head = f"{datasource}_"
        parts = segment_id.removeprefix(head).split("_", 2)
        if not segment_id.startswith(head) or len(parts) < 3:
            raise ValueError(f"{segment_id!r} is no segment of {datasource}")
        version, separator, number = parts[2].rpartition("_")
        is_numbered = bool(separator) and number.isdecimal()
        interval = Interval.parse(f"{parts[0]}/{parts[1]}")
        return cls(interval, version, int(number)) if is_numbered else cls(interval, parts[2])

    def segment_id(self, datasource: str) -> str:
        """Druid's id of it."""
        head = f"{datasource}_{interval_folder(self.interval)}_{self.version}"
        return f"{head}_{self.partition_num}" if self.partition_num else head

    def folder(self, root: S3Uri, datasource: str) -> S3Uri:
        """Where its objects lie."""
        return root / f"{datasource}/{interval_folder(self.interval)}/{self.version}/{self.partition_num}"

    def __str__(self) -> str:
        return f"{self.interval} {self.version} {self.partition_num}"


def interval_folder(interval: Interval) -> str:
    """The name of the folder of an interval's segments."""
    return f"{format_instant(interval.start)}_{format_instant(interval.end)}"


def interval_of(folder: str) -> Interval | None:
    """The interval whose folder has this name; None for a folder of another kind."""
    try:
        interval = Interval.parse(folder.replace("_", "/"))
    except ValueError:
        return None
    return interval if interval_folder(interval) == folder else None


def name_of(uri: S3Uri, root: S3Uri, datasource: str) -> SegmentName | None:
    """The segment of ``datasource`` that the object belongs to; None where it lies as no segment's objects do."""
    base = root / datasource
    parts = uri.key.removeprefix(f"{base.key}/").split("/") if base.covers(uri) else []
    interval = interval_of(parts[0]) if len(parts) > 3 else None
    if interval is None or not parts[2].isdecimal():
        return None
    return SegmentName(interval, parts[1], int(parts[2]))


def lies_below(segment: Segment, root: S3Uri) -> bool:
    """Whether Druid's own record of the segment names the place where this release looks for it.

    Source: https://druid.apache.org/docs/25.0.0/development/extensions-core/s3.html
    """
    spec = segment.payload.get("loadSpec") or {}
    uri = S3Uri(str(spec.get("bucket", "")), str(spec.get("key", "")))
    return name_of(uri, root, segment.datasource) == SegmentName.of(segment)
