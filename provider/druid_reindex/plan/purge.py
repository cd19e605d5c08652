"""A night that leaves the rows of given keys out: what its steps are told, and what its job reads instead of segments.

The keys stand in a file in S3 that steps of the cluster read, and in nothing that is made here: Druid keeps tasks and
their logs for ever. So a step writes the rows of the present segments that have none of the keys as JSON, and the job
reads these files. A metric is rolled up already, so the job combines it by its own name, as it does with rows of
segments. Refused is what JSON does not carry exactly: sketches, histograms, first and last values.

What is built from another datasource and from unloads is purged alike, of its own segments. The next night builds it
of its inputs again, so these must not bring the rows back: the other datasource has none of them, as a step counts
before anything is changed, and the keys are ``withheld`` from what later nights unload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

from druid_reindex.errors import ConfigurationError, IntegrityError, ProtocolError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.interval import Interval, format_instant
from druid_reindex.model.pipeline import DatasourceInput, Metric, Mode, Pipeline, StaticInput
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.export import place_of
from druid_reindex.plan.measure import aggregate_of, counting_metric
from druid_reindex.plan.night import Batch, Chunk
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.plan.reading import Window, windows
from druid_reindex.plan.timeline import serving, visible_segments

PROTOCOL = 2
_NAMED = 3
_LEAVE_OUT_THERE = "leave the keys out there, then rebuild its chunks by a night with an interval and force"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The keys of a purge: ``column`` is where they stand, ``etag`` that of the very bytes at ``uri``."""

    uri: str
    etag: str
    column: str

    def to_json(self) -> dict[str, str]:
        """What may be told of it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a step counted in one chunk: rows, as the pipeline counts them, with and without keys, and metrics."""

    without_keys: int
    with_keys: int
    metrics: Mapping[str, float]


def refuse_inexact(pipeline: Pipeline, column: str) -> None:
    """Raises ConfigurationError for a pipeline whose rows could not be left out, and all others kept, exactly."""
    for found, remedy in _problems(pipeline, column):
        raise ConfigurationError(
            "leave the rows of keys out", resource=f"pipeline {pipeline.datasource}", came_back=found, remedy=remedy
        )


def of_itself(pipeline: Pipeline) -> Pipeline:
    """The pipeline as a purge carries it out: built from the segments that it serves, whatever its nights read."""
    return pipeline.model_copy(update={"inputs": (DatasourceInput(),)})


def combined(pipeline: Pipeline, files: Iterable[str]) -> Pipeline:
    """The pipeline that reads ``files`` of ``sift_spec``'s step: the metrics in their combining form."""
    return pipeline.model_copy(
        update={
            "inputs": (DatasourceInput(), StaticInput.model_construct(type="static", paths=tuple(files))),
            "metrics": tuple(_combining(metric) for metric in pipeline.metrics),
        }
    )


def from_files_alone(task: Mapping[str, Any]) -> dict[str, Any]:
    """The job ``task`` of a ``combined`` pipeline, which takes no row of the segments that it lists.

    They stay listed, for the Overlord fails a task whose listed segments are no longer all that serve its intervals:
    rows that were appended after the files were written are so not lost.
    Source: https://github.com/apache/druid/blob/25.0.0/indexing-hadoop/src/main/java/org/apache/druid/indexer/HadoopIngestionSpec.java
    """
    made = deepcopy(dict(task))
    segments, _ = made["spec"]["ioConfig"]["inputSpec"]["children"]
    segments["ingestionSpec"]["filter"] = {"type": "false"}
    return made


def sift_spec(
    pipeline: Pipeline, keys: KeyFile, batch: Batch, *, boundary: Boundary, folder: S3Uri | None
) -> dict[str, Any]:
    """The step's spec: the rows that serve ``batch`` and have none of ``keys``, as files below ``folder``."""
    spec = _spec(pipeline, keys, _read(windows(batch.chunks)), batch.intervals, boundary)
    return spec | {"output": f"{folder}/files/" if folder else None}


def count_spec(
    pipeline: Pipeline, keys: KeyFile, after: Mapping[str, Sequence[Segment]], *, boundary: Boundary
) -> dict[str, Any]:
    """The step's spec that counts the rows of ``keys`` in the segments that serve each chunk ``after`` the rebuild."""
    read = [
        {"url": str(place_of(segment)), "rows": segment.num_rows, "within": [_ends(Interval.parse(chunk))]}
        for chunk, segments in sorted(after.items())
        for segment in sorted(segments, key=lambda each: each.segment_id)
        if segment.shard_spec_type != TOMBSTONE
    ]
    return _spec(pipeline, keys, read, map(Interval.parse, after), boundary) | {"output": None}


def source_spec(pipeline: Pipeline, keys: KeyFile, used: Sequence[Segment], *, boundary: Boundary) -> dict[str, Any]:
    """The step's spec that counts the rows of the keys in all that the datasource serves which ``pipeline`` reads.

    ``used`` are its segments; they are counted row by row, by each span of time that one set of them serves.
    """
    pieces = [piece for piece in serving(used) if not piece.source.is_tombstone]
    read = _read(Window(segment, piece.interval) for piece in pieces for segment in piece.source.segments)
    spec = _spec(pipeline, keys, read, [piece.interval for piece in pieces], boundary)
    return spec | {"counted": None, "metrics": {}, "output": None}


def without_emptied(batch: Batch, found: Mapping[str, Sifted]) -> tuple[Batch, tuple[Chunk, ...]]:
    """The batch without the chunks of which no row is left, and these."""
    left = tuple(chunk for chunk in batch.chunks if found[str(chunk.interval)].without_keys)
    near = tuple(s for s in batch.bystanders if any(s.interval.overlaps(chunk.interval) for chunk in left))
    return replace(batch, chunks=left, bystanders=near), tuple(chunk for chunk in batch.chunks if chunk not in left)


def emptied_ids(chunks: Iterable[Chunk], used: Sequence[Segment]) -> list[str]:
    """The ids of the ``used`` segments to take out of service, so that ``chunks`` serve nothing of what was planned.

    Versions beneath go too, or they would be served again. What was added since the plan is left.
    """
    served = {segment.segment_id for segment in visible_segments(serving(used))}
    return [
        segment.segment_id
        for chunk in chunks
        for segment in used
        if chunk.interval.contains(segment.interval)
        and (segment.segment_id in {each.segment_id for each in chunk.segments} or segment.segment_id not in served)
    ]


def sifted(result: Mapping[str, Any]) -> tuple[int, dict[str, Sifted]]:
    """The number of keys, and what was counted by chunk. Raises ProtocolError for another script's result."""
    try:
        return int(result["keys"]), {
            chunk: Sifted(told["without"], told["with"], told["metrics"]) for chunk, told in result["chunks"].items()
        }
    except KeyError as missing:
        raise ProtocolError(
            "read what a step counted",
            resource="result.json of export.sh",
            came_back=f"no {missing.args[0]}",
            remedy="upload the bootstrap scripts of this release to the artifacts bucket",
        ) from None


def refuse_uncounted(datasource: str, before: Mapping[str, int], found: Mapping[str, Sifted]) -> None:
    """Raises IntegrityError where the step did not see as many rows as Druid served ``before``."""
    unlike = [
        f"{chunk}: {told.with_keys} with keys and {told.without_keys} without, of {before[chunk]} rows"
        for chunk, told in sorted(found.items())
        if told.with_keys + told.without_keys != before[chunk]
    ]
    if unlike:
        raise IntegrityError(
            "leave the rows of keys out",
            resource=datasource,
            came_back="; ".join(unlike),
            remedy="find out who else writes these chunks; then start the purge anew",
        )


def refuse_left(datasource: str, wanted: Mapping[str, Sifted], found: Mapping[str, Sifted]) -> None:
    """Raises IntegrityError where the new segments have a row of the keys, or others than those without them."""
    unlike = [
        f"{chunk}: {told.with_keys} rows with keys and {told.without_keys} without them, where the old segments had "
        f"{wanted[chunk].without_keys} of these"
        for chunk, told in sorted(found.items())
        if told.with_keys or told.without_keys != wanted[chunk].without_keys
    ]
    if unlike:
        raise IntegrityError(
            "prove that no row of the keys is left",
            resource=datasource,
            came_back="; ".join(unlike),
            remedy="the batch is taken back; find out who else wrote these chunks, then start the purge anew",
        )


def refuse_in_source(source: str, found: Mapping[str, Sifted]) -> None:
    """Raises ConfigurationError where ``source`` has rows of the keys: what is built from it would have them again."""
    keyed = {chunk: told.with_keys for chunk, told in sorted(found.items()) if told.with_keys}
    if keyed:
        raise ConfigurationError(
            "leave the rows of keys out",
            resource=source,
            came_back=f"{sum(keyed.values())} rows of the keys, which it is built from, the first in {min(keyed)}",
            remedy=f"purge {source} by the same file first, then start this purge anew",
        )


def refuse_served(datasource: str, chunks: Iterable[Chunk], used: Sequence[Segment]) -> None:
    """Raises IntegrityError where one of ``chunks``, of which nothing was to be left, serves any of the ``used``."""
    served = [
        segment.segment_id
        for chunk in chunks
        for segment in visible_segments(piece for piece in serving(used) if piece.interval.overlaps(chunk.interval))
    ]
    if served:
        raise IntegrityError(
            "take chunks out of service of which the keys leave no row",
            resource=datasource,
            came_back=f"they serve {', '.join(served[:_NAMED])}",
            remedy="find out who else wrote these chunks, then start the purge anew",
        )


def _read(parts: Iterable[Window]) -> list[dict[str, Any]]:
    """The segments as the step is told of them, each once, with the parts of time that are read of it."""
    within: dict[str, tuple[Segment, list[Interval]]] = {}
    for window in parts:
        within.setdefault(window.segment.segment_id, (window.segment, []))[1].append(window.interval)
    return [
        {"url": str(place_of(segment)), "rows": segment.num_rows, "within": [_ends(each) for each in spans]}
        for _, (segment, spans) in sorted(within.items())
    ]


def _spec(
    pipeline: Pipeline, keys: KeyFile, read: Sequence[object], chunks: Iterable[Interval], boundary: Boundary
) -> dict[str, Any]:
    return {
        "protocol": PROTOCOL,
        "segments": read,
        "keys": keys.to_json(),
        "chunks": [_ends(chunk) for chunk in chunks],
        "counted": counting_metric(pipeline),
        "metrics": {metric.name: aggregate_of(metric) for metric in pipeline.metrics},
        "format": "json",
        "compression": "gzip",
        "kms_key_arn": boundary.kms_key_arn,
    }


def _ends(interval: Interval) -> list[str]:
    return [format_instant(interval.start), format_instant(interval.end)]


def _combining(metric: Metric) -> Metric:
    """The metric as Druid combines stored values of it: a count adds up, a filter has done its work."""
    inner = metric.type if metric.type != "filtered" else (metric.model_extra or {})["aggregator"]["type"]
    kind = "longSum" if inner == "count" else inner
    return Metric.model_validate({"type": kind, "name": metric.name, "fieldName": metric.name})


def _problems(pipeline: Pipeline, column: str) -> Iterable[tuple[str, str]]:
    if any(entry.paths for entry in pipeline.files):
        yield "it reads files at addresses, of which no step keeps rows back", _LEAVE_OUT_THERE
    read = {entry.unload for entry in pipeline.files}
    if bare := [unload.name for unload in pipeline.unloads if unload.name in read and not unload.tokens]:
        yield f"it reads the unloads {', '.join(bare)} as they are, without tokens", _LEAVE_OUT_THERE
    if pipeline.mode is Mode.SHADOW:
        yield "its nights write into a shadow", "write mode: replace into the pipeline file first"
    if column not in {each.name for each in pipeline.dimensions}:
        known = ", ".join(each.name for each in pipeline.dimensions)
        yield f"it has no dimension of the column's name, but {known}", "name the dimension that holds the keys"
    inexact = [metric.name for metric in pipeline.metrics if aggregate_of(metric) is None]
    if inexact:
        yield (
            f"the metrics {', '.join(inexact)}, which JSON does not carry exactly",
            "build the chunks anew from the data that they were made of, without the keys",
        )
