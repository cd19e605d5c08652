"""Decides a synthetic night: which pipeline it may be, what it ingests, what it costs at most, what it takes away.

The rows are made up here, from nothing but the pipeline's own columns, so that nobody's data can be among them. They
travel inside the ingestion task: no landing prefix, and no right of Druid's to read one, is needed.
Source: https://druid.apache.org/docs/25.0.0/ingestion/native-batch-input-source.html (inline)
Source: https://druid.apache.org/docs/25.0.0/data-management/delete.html (kill)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.interval import Interval, format_instant, umbrella
from druid_reindex.model.pipeline import Dimension, Engine, Metric, Pipeline
from druid_reindex.model.prices import PriceTable
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.plan.estimate import unpriced, usd_per_hour

SUFFIX = "_smoke"
CHUNKS = 2
ROWS_PER_CHUNK = 300
SEGMENTS_PER_CHUNK = 3
ENDING = timedelta(minutes=30)
"""How long a cluster may take to end, after everything else was given up."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a smoke night's cluster costs at most, if it lives as long as it may; not counted: requests and storage."""

    usd: float
    hours: float
    usd_per_hour: float
    source: str

    def __str__(self) -> str:
        return (
            f"at most {self.usd:.2f} US dollars for the cluster: {self.hours:g} hours at {self.usd_per_hour:.2f} each "
            f"by prices.yaml ({self.source}); requests to S3 and KMS, logs and endpoints are not counted"
        )


def ceiling(profile: ClusterProfile, prices: PriceTable | None, limit: timedelta) -> Ceiling:
    """The most that a cluster of ``profile`` costs within ``limit`` and the time that it takes to end.

    Raises ConfigurationError when a price is unknown: nobody can agree to it then.
    """
    per_hour = usd_per_hour(profile, prices)
    if per_hour is None or prices is None:
        raise ConfigurationError(
            "price a synthetic night",
            resource=f"cluster profile {profile.name}",
            came_back=f"no price of {', '.join(unpriced(profile, prices))}",
            remedy="add what you pay for it to emr_configs/prices.yaml",
        )
    hours = (limit + ENDING) / timedelta(hours=1)
    return Ceiling(round(hours * per_hour, 2), hours, per_hour, f"{prices.source}, as of {prices.as_of}")


def staying(place: EvidencePlace | None, now: datetime) -> str:
    """What of a night that begins at ``now`` (UTC) nobody can take away; empty where the boundary keeps no evidence."""
    if place is None:
        return ""
    lock = place.lock(now)
    held = ", and held until a person lifts that" if lock.is_held else ""
    return f"a signed pack below {place.uri}, locked ({lock.mode}) until {lock.until:%Y-%m-%d}{held}"


def refuse_unfit(pipeline: Pipeline) -> None:
    """Raise ConfigurationError unless a night of ``pipeline`` can touch nothing but what it makes itself."""
    wrong = [*_unfit(pipeline)]
    if wrong:
        raise ConfigurationError(
            "run a synthetic night",
            resource=f"pipeline {pipeline.datasource}",
            came_back="; ".join(found for found, _ in wrong),
            remedy="; ".join(remedy for _, remedy in wrong),
        )


def window(pipeline: Pipeline, now: datetime) -> Interval:
    """The last whole time chunks before ``now`` (UTC)."""
    last = pipeline.granularity.segment.chunk(now)
    chunks = [last := pipeline.granularity.segment.chunk(last.start - timedelta(seconds=1)) for _ in range(CHUNKS)]
    return umbrella(chunks)


def ingestion_task(pipeline: Pipeline, interval: Interval, task_id: str) -> dict[str, Any]:
    """The native batch task that fills each chunk of ``interval`` with several small segments of made-up rows."""
    dimensions = [{"type": each.type, "name": each.name} for each in pipeline.dimensions]
    return {
        "type": "index_parallel",
        "id": task_id,
        "spec": {
            "dataSchema": {
                "dataSource": pipeline.datasource,
                "timestampSpec": {"column": "timestamp", "format": "iso"},
                "dimensionsSpec": {"dimensions": dimensions},
                "metricsSpec": [each.model_dump(mode="json", exclude_none=True) for each in pipeline.metrics],
                "granularitySpec": {
                    "segmentGranularity": pipeline.granularity.segment.value,
                    "queryGranularity": pipeline.granularity.query,
                    "rollup": pipeline.granularity.rollup,
                    "intervals": [str(interval)],
                },
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "inline", "data": "\n".join(map(json.dumps, rows(pipeline, interval)))},
                "inputFormat": {"type": "json"},
                "appendToExisting": False,
            },
            "tuningConfig": {
                "type": "index_parallel",
                "partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": ROWS_PER_CHUNK // SEGMENTS_PER_CHUNK},
                "maxParseExceptions": 0,
            },
        },
    }


def removal_task(datasource: str, interval: Interval, task_id: str) -> dict[str, Any]:
    """The task that deletes the unused segments of ``interval`` from the metadata store and from deep storage."""
    return {"type": "kill", "id": task_id, "dataSource": datasource, "interval": str(interval)}


def rows(pipeline: Pipeline, interval: Interval) -> Iterator[dict[str, Any]]:
    """Made-up rows, the same for the same pipeline and ``interval``; every value says what it is."""
    for chunk in pipeline.granularity.segment.chunks(interval):
        step = (chunk.end - chunk.start) / ROWS_PER_CHUNK
        for number in range(ROWS_PER_CHUNK):
            named = {each.name: _value(each, number) for each in pipeline.dimensions}
            measured = dict.fromkeys(filter(None, map(_field, pipeline.metrics)), number % 50)
            yield {"timestamp": format_instant(chunk.start + number * step)} | measured | named


def _value(dimension: Dimension, number: int) -> str | int | float:
    match dimension.type:
        case "string":
            return f"synthetic-{dimension.name}-{number % 7}"
        case "long":
            return number % 7
        case "float" | "double":
            return (number % 7) / 2


def _field(metric: Metric) -> str | None:
    return metric.model_dump().get("fieldName")


def _unfit(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """What is wrong, each with its remedy."""
    if not pipeline.datasource.endswith(SUFFIX):
        yield (
            f"its datasource does not end in {SUFFIX}",
            f"copy your pipeline's file and call the datasource {pipeline.datasource}{SUFFIX}: all of it is deleted",
        )
    if pipeline.schedule.cron is not None:
        yield "it has a schedule", "write schedule: {cron: null}, so that no night starts by itself"
    if pipeline.engine is not Engine.HADOOP:
        yield f"its engine is {pipeline.engine.value}", "write engine: hadoop: without a cluster there is no EMR to try"
    if [each.type for each in pipeline.inputs] != ["datasource"]:
        yield "it reads files", "leave inputs out: the rows are made up, and read from the datasource itself"
    if pipeline.cluster.group is not None:
        yield "it shares a cluster", "leave cluster.group out: this cluster is ended whatever happens"
