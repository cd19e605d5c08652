"""Druid's Hadoop ingestion spec for one batch, as the Overlord and as the CLI indexer take it.

Rows that come from segments go through the combining form of each aggregator (``useNewAggs`` stays false), so the spec
carries the pipeline's own metrics: ``count`` adds up the stored counts.
Source: https://druid.apache.org/docs/25.0.0/ingestion/hadoop.html
Source: https://github.com/apache/druid/blob/25.0.0/indexing-hadoop/src/main/java/org/apache/druid/indexer/IndexGeneratorJob.java
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.interval import Granularity
from druid_reindex.model.pipeline import DAY, Metric, Pipeline, StaticInput
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.plan.hadoop_site import HadoopSite
from druid_reindex.plan.night import Batch
from druid_reindex.plan.reading import read_intervals, windows

HEAP_SHARE = 0.8
WORKING_PATH = "/tmp/druid-indexing"  # noqa: S108  (a path of the cluster's HDFS)


def overlord_task(
    pipeline: Pipeline, boundary: Boundary, profile: ClusterProfile, batch: Batch, *, task_id: str, site: HadoopSite
) -> dict[str, Any]:
    """The ``index_hadoop`` task for the Overlord; the cluster's site settings travel in ``jobProperties``.

    The task fails by itself when the used segments are no longer the ones that are listed.
    """
    spec = _spec(pipeline, batch, max_split_bytes=profile.job.max_split_bytes, for_cli=False)
    spec["tuningConfig"]["jobProperties"] = job_properties(boundary, profile) | site.job_properties()
    context = site.task_context()
    return {"type": "index_hadoop", "id": task_id, "spec": spec} | ({"context": context} if context else {})


def cli_spec(
    pipeline: Pipeline, boundary: Boundary, profile: ClusterProfile, batch: Batch, *, version: str, unique_id: str
) -> dict[str, Any]:
    """The spec for Druid's CLI indexer on the cluster's primary node, whose own configuration names the cluster.

    The connection to the metadata store is left to the step's script, which reads it from Secrets Manager. The job's
    directory on HDFS is ``workingPath/datasource/VERSION_UNIQUEID``, the version without its colons.
    """
    spec = _spec(pipeline, batch, max_split_bytes=profile.job.max_split_bytes, for_cli=True)
    target = S3Uri.parse(boundary.segments_uri)
    spec["ioConfig"] |= {
        "segmentOutputPath": f"s3a://{target.bucket}/{target.key.rstrip('/')}",
        "metadataUpdateSpec": {"type": "postgresql", "segmentTable": "druid_segments"},
    }
    spec["tuningConfig"] |= {
        "version": version,
        "workingPath": WORKING_PATH,
        "leaveIntermediate": True,
        "jobProperties": job_properties(boundary, profile),
    }
    return {"type": "index_hadoop", "spec": spec | {"uniqueId": unique_id}}


def job_properties(boundary: Boundary, profile: ClusterProfile) -> dict[str, str]:
    """What every MapReduce job carries: encryption of what it writes, its memory, UTC, and class isolation."""
    job, region = profile.job, _region_option(boundary)
    return {
        "mapreduce.job.classloader": "true",
        "mapreduce.map.maxattempts": str(job.task_attempts),
        "mapreduce.reduce.maxattempts": str(job.task_attempts),
        "mapreduce.task.timeout": str(job.task_timeout_seconds * 1_000),
        "mapreduce.map.memory.mb": str(job.map_memory_mb),
        "mapreduce.map.java.opts": f"{_java_options(job.map_memory_mb)} {region}",
        "mapreduce.reduce.memory.mb": str(job.reduce_memory_mb),
        "mapreduce.reduce.java.opts": f"{_java_options(job.reduce_memory_mb)} {region}",
        "yarn.app.mapreduce.am.resource.mb": str(job.am_memory_mb),
        "yarn.app.mapreduce.am.command-opts": _java_options(job.am_memory_mb),
        "fs.s3a.encryption.algorithm": "SSE-KMS",
        "fs.s3a.encryption.key": boundary.kms_key_arn,
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.s3n.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        **job.properties,
    }


def _java_options(container_mb: int) -> str:
    return f"-Xmx{int(container_mb * HEAP_SHARE)}m -Duser.timezone=UTC -Dfile.encoding=UTF-8"


def _region_option(boundary: Boundary) -> str:
    """The Region for Druid's AWS SDK, which would ask the instance for it with a class that needs Hadoop's Jackson.

    One look at that class binds Druid's Jackson to Hadoop's, and every task dies of a LinkageError.
    Source: https://docs.aws.amazon.com/sdk-for-java/v1/developer-guide/java-dg-region-selection.html
    """
    return f"-Daws.region={Arn.parse(boundary.kms_key_arn).region}"


def _spec(pipeline: Pipeline, batch: Batch, *, max_split_bytes: int, for_cli: bool) -> dict[str, Any]:
    segments = _datasource(pipeline, batch, for_cli=for_cli) | {"maxSplitSize": max_split_bytes}
    children = [segments, *(_static(entry, batch) for entry in pipeline.files if entry.paths)]
    return {
        "dataSchema": _data_schema(pipeline, batch),
        "ioConfig": {
            "type": "hadoop",
            "inputSpec": segments if len(children) == 1 else {"type": "multi", "children": children},
        },
        "tuningConfig": _tuning(pipeline, batch),
    }


def _tuning(pipeline: Pipeline, batch: Batch) -> dict[str, Any]:
    """Explicit shards save the job that counts rows; a row that cannot be read ends the job and is not logged."""
    return {
        "type": "hadoop",
        "partitionsSpec": {
            "type": "hashed",
            "numShards": batch.shards,
            "partitionDimensions": list(pipeline.partitioning.partition_dimensions),
        },
        "forceExtendableShardSpecs": True,
        "maxParseExceptions": 0,
        "logParseExceptions": False,
        "cleanupOnFailure": True,
    }


def _data_schema(pipeline: Pipeline, batch: Batch) -> dict[str, Any]:
    return {
        "dataSource": pipeline.datasource,
        "parser": {"type": "hadoopyString", "parseSpec": _parse_spec(pipeline)},
        "metricsSpec": [_metric(metric) for metric in pipeline.metrics],
        "granularitySpec": {
            "type": "uniform",
            "segmentGranularity": pipeline.granularity.segment.value,
            "queryGranularity": pipeline.granularity.query,
            "rollup": pipeline.granularity.rollup,
            "intervals": [str(interval) for interval in batch.intervals],
        },
    }


def _parse_spec(pipeline: Pipeline) -> dict[str, Any]:
    """How files are read; rows of segments pass by it, so without files it only names the dimensions.

    A CSV file has no header: ``timestamp``, the dimensions, then the metrics' input fields, in the pipeline's order.
    """
    file_format = next((entry.format for entry in pipeline.files), "timeAndDims")
    dimensions = [{"type": column.type, "name": column.name} for column in pipeline.dimensions]
    spec: dict[str, Any] = {
        "format": file_format,
        "timestampSpec": {"column": "timestamp", "format": "auto"},
        "dimensionsSpec": {"dimensions": dimensions},
    }
    if file_format == "csv":
        spec["columns"] = file_columns(pipeline)
    return spec


def file_columns(pipeline: Pipeline) -> list[str]:
    """The columns of a CSV file, in their order."""
    fields = [_metric(metric).get("fieldName") for metric in pipeline.metrics]
    names = ("timestamp", *(column.name for column in pipeline.dimensions), *filter(None, fields))
    return list(dict.fromkeys(names))


def _metric(metric: Metric) -> dict[str, Any]:
    return metric.model_dump(mode="json", exclude_none=True)


def _static(entry: StaticInput, batch: Batch) -> dict[str, Any]:
    """The ``static`` inputSpec: Hadoop stops where an address has nothing, and the mapper passes over other days."""
    days = [f"{day.start:%Y-%m-%d}" for interval in batch.intervals for day in Granularity.DAY.chunks(interval)]
    paths = dict.fromkeys(path.replace(DAY, day) for path in entry.paths for day in days)
    return {"type": "static", "paths": ",".join(path.replace("s3://", "s3a://", 1) for path in paths)}


def _datasource(pipeline: Pipeline, batch: Batch, *, for_cli: bool) -> dict[str, Any]:
    """The ``dataSource`` inputSpec with its segments listed; without any, it is passed over where files are read.

    The Overlord compares ``ingestionSpec.segments`` with the used segments that are visible among those that overlap
    the intervals, fails the task when they differ, and makes ``segments`` itself; the CLI reads ``segments`` alone.
    Below ``multi`` the rows of segments go through the combining aggregators whatever ``useNewAggs`` says.
    Raises ConfigurationError for what Druid's reader of segments cannot do.
    Source: https://github.com/apache/druid/blob/25.0.0/indexing-hadoop/src/main/java/org/apache/druid/indexer/HadoopIngestionSpec.java
    """
    intervals = list(read_intervals(batch.chunks))
    inputs = {segment.segment_id: segment for chunk in batch.chunks for segment in chunk.read}
    _refuse_unreadable(pipeline, inputs)
    ingestion: dict[str, Any] = {
        "dataSource": pipeline.source,
        "intervals": [str(interval) for interval in intervals],
    }
    if pipeline.files:
        ingestion["ignoreWhenNoSegments"] = True
    if for_cli:
        listed = [{"segment": dict(w.segment.payload), "interval": str(w.interval)} for w in windows(batch.chunks)]
        return {"type": "dataSource", "ingestionSpec": ingestion, "segments": listed}
    expected: list[Segment] = [
        *(segment for segment in inputs.values() if any(segment.interval.overlaps(read) for read in intervals)),
        *batch.bystanders,
    ]
    ingestion["segments"] = [dict(segment.payload) for segment in expected]
    return {"type": "dataSource", "ingestionSpec": ingestion}


def _refuse_unreadable(pipeline: Pipeline, inputs: Mapping[str, Segment]) -> None:
    other = {segment.datasource for segment in inputs.values()} - {pipeline.source}
    if other:
        raise ConfigurationError(
            "build the ingestion spec",
            resource=f"pipeline {pipeline.datasource}, field inputs",
            came_back=f"it reads {pipeline.source}, and the night was planned with segments of {', '.join(other)}",
            remedy="clear the whole run, so that it is planned by the file as it is now",
        )
    if not pipeline.metrics:
        raise ConfigurationError(
            "build the ingestion spec",
            resource=f"pipeline {pipeline.datasource}, field metrics",
            came_back="no metric; Druid's Hadoop reader of segments wants one ('load schema does not have metrics')",
            remedy="add a metric that the segments have, such as {type: count, name: count}",
        )
