"""A Druid segment as the Coordinator and the metadata store describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from druid_reindex.model.interval import Interval

SEVERAL = "several types"
"""What a column is of whose type differs from segment to segment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; ``payload`` is Druid's own JSON (a ``DataSegment``), kept whole for the ``dataSource`` inputSpec.

    ``num_rows`` is None where the server does not report it (``sys.segments`` does).
    Source: https://druid.apache.org/docs/25.0.0/design/segments.html
    """

    datasource: str
    interval: Interval
    version: str
    partition_num: int
    shard_spec_type: str
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    size_bytes: int
    payload: Mapping[str, Any]
    num_rows: int | None = None

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any], *, num_rows: int | None = None) -> Self:
        """The segment that Druid's ``payload`` describes. Raises KeyError or ValueError when it is not one."""
        shard_spec = payload.get("shardSpec") or {"type": "none"}
        return cls(
            datasource=payload["dataSource"],
            interval=Interval.parse(payload["interval"]),
            version=payload["version"],
            partition_num=int(shard_spec.get("partitionNum", shard_spec.get("partitionId", 0))),
            shard_spec_type=shard_spec["type"],
            dimensions=column_names(payload.get("dimensions")),
            metrics=column_names(payload.get("metrics")),
            size_bytes=int(payload["size"]),
            payload=payload,
            num_rows=num_rows,
        )

    @property
    def segment_id(self) -> str:
        """Druid's ``SegmentId``: datasource_start_end_version, with the partition number unless it is 0."""
        start, end = str(self.interval).split("/")
        head = f"{self.datasource}_{start}_{end}_{self.version}"
        return f"{head}_{self.partition_num}" if self.partition_num else head


def column_names(value: str | list[str] | None) -> tuple[str, ...]:
    """Druid writes dimensions and metrics as one comma-separated text; some endpoints as a list."""
    if not value:
        return ()
    return tuple(value.split(",")) if isinstance(value, str) else tuple(value)
