"""Builders of segments, pipelines and a rebuild, for the tests of the planner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval, parse_instant
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Chunk, NightPlan

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "emr_configs"
DIMENSIONS = ("patient_token", "encounter_token", "category", "code", "description", "units", "type")
METRICS = ("events", "value_sum")
WINDOW = Interval.parse("2026-09-01/2026-10-06")
REBUILT = "2026-10-06T02:30:00.000Z"
RUN = RunId.of(load_boundaries(CONFIGS).deployment_id, dag_id="nightly_reindex__patient_vitals", run_id="manual__1")


def span(text: str) -> Interval:
    """``09-01`` and ``09-01T05`` alike: ``start/end`` of the year 2026."""
    start, _, end = text.partition("/")
    return Interval(_at(start), _at(end))


def _at(text: str) -> Any:
    return parse_instant(f"2026-{text}:00" if "T" in text else f"2026-{text}")


def segment(
    interval: str | Interval,
    version: str = "2026-09-01T00:00:00.000Z",
    number: int = 0,
    *,
    shard: Mapping[str, Any] | None = None,
    rows: int | None = 10,
    size: int = 1_000,
    dimensions: Sequence[str] = DIMENSIONS,
    metrics: Sequence[str] = METRICS,
) -> Segment:
    """A segment as Druid's JSON gives it; without ``shard`` it is one that was appended (no core set)."""
    where = span(interval) if isinstance(interval, str) else interval
    place = f"patient_vitals/{where.start:%Y%m%dT%H}_{where.end:%Y%m%dT%H}/{version}/{number}"
    payload = {
        "dataSource": "patient_vitals",
        "interval": str(where),
        "version": version,
        "loadSpec": {
            "type": "s3_zip",
            "bucket": "drx-phi-111122223333",
            "key": f"druid/segments/{place}/index.zip",
            "S3Schema": "s3a",
        },
        "dimensions": ",".join(dimensions),
        "metrics": ",".join(metrics),
        "shardSpec": dict(shard or {"type": "numbered", "partitionNum": number, "partitions": 0}),
        "binaryVersion": 9,
        "size": size,
    }
    return Segment.from_payload(payload, num_rows=rows)


def tombstone(interval: str | Interval, version: str) -> Segment:
    """A segment that says that its interval has no data."""
    shard = {"type": "tombstone", "partitionNum": 0, "partitions": 1}
    return segment(interval, version, shard=shard, rows=None, size=1, dimensions=(), metrics=())


def one_job(
    interval: str | Interval, shards: int, *, kind: str = "numbered", version: str = REBUILT, **facts: Any
) -> list[Segment]:
    """A whole partition set, as a rebuild or a native batch job publishes it."""
    spec = {"type": kind, "partitions": shards}
    return [segment(interval, version, n, shard=spec | {"partitionNum": n}, **facts) for n in range(shards)]


def pipeline(**changes: Any) -> Pipeline:
    """The shipped pipeline with some fields changed."""
    shipped = load_pipeline(ROOT / "dags" / "pipelines" / "patient_vitals.yaml", boundaries())
    return Pipeline.model_validate(shipped.model_dump() | changes)


def boundaries() -> Boundaries:
    """The shipped boundaries."""
    return load_boundaries(CONFIGS)


def profile() -> ClusterProfile:
    """The shipped cluster profile."""
    return load_profile(CONFIGS, "small")


def chunks_of(plan: NightPlan) -> list[Chunk]:
    """All chunks of ``plan``, batch by batch."""
    return [chunk for batch in plan.batches for chunk in batch.chunks]


def rebuild(subject: Pipeline, plan: NightPlan, *, byte_factor: float = 1.0, version: str = REBUILT) -> list[Segment]:
    """What the plan's jobs publish: per time chunk one whole set of the planned shards, all rows kept."""
    made: list[Segment] = []
    for chunk in chunks_of(plan):
        buckets = list(subject.granularity.segment.chunks(chunk.interval))
        share = len(buckets) * chunk.shards
        rows = None if chunk.num_rows is None else chunk.num_rows // share
        size = int(chunk.size_bytes * byte_factor) // share
        for bucket in buckets:
            made += one_job(bucket, chunk.shards, version=version, rows=rows, size=size)
    return made


def with_rows(segments: Iterable[Segment], rows: int | None) -> list[Segment]:
    """``segments`` with another count of rows each."""
    return [replace(each, num_rows=rows) for each in segments]
