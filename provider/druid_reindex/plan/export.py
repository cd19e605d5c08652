"""What the step is told that writes segments as files (``emr_configs/bootstrap/export.sh``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.segment import Segment
from druid_reindex.model.transfer import Load
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.partitions import TOMBSTONE

PROTOCOL = 1


def export_spec(load: Load, segments: Iterable[Segment], *, boundary: Boundary, folder: S3Uri) -> dict[str, Any]:
    """The step's spec: ``segments`` of S3, by their ids' order, to files below ``folder`` for COPY's ``load``.

    Times are written as days, which a DATE and a TIMESTAMP column take.
    """
    read = sorted((s for s in segments if s.shard_spec_type != TOMBSTONE), key=lambda segment: segment.segment_id)
    return {
        "protocol": PROTOCOL,
        "segments": [{"url": str(place_of(segment)), "rows": segment.num_rows} for segment in read],
        "columns": [{"name": column, "from": load.source(column)} for column in load.columns],
        "time_format": "date",
        "format": load.format.value,
        "compression": load.compression.value,
        "output": f"{folder}/files/",
        "kms_key_arn": boundary.kms_key_arn,
    }


def place_of(segment: Segment) -> S3Uri:
    """The segment's archive in S3."""
    return S3Uri(segment.payload["loadSpec"]["bucket"], segment.payload["loadSpec"]["key"])
