"""``dags/pipelines/<name>.yaml`` as a Pipeline: what a file says, and what it may say within its boundary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.pipeline import Classification, Engine, Pipeline, StaticInput
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.yaml_file import Defect, read_yaml, shown

# Druid's own aggregators and those of druid-datasketches and druid-histogram.
# Source: https://druid.apache.org/docs/25.0.0/querying/aggregations.html
AGGREGATORS = frozenset(
    f"{number}{what}" for number in ("long", "float", "double") for what in ("Sum", "Min", "Max", "First", "Last")
) | {
    "count", "stringFirst", "stringLast", "hyperUnique", "HLLSketchBuild", "HLLSketchMerge", "thetaSketch",
    "quantilesDoublesSketch", "arrayOfDoublesSketch", "approximateHistogram", "approximateHistogramFold",
    "fixedBucketsHistogram",
}  # fmt: skip
_CRON_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")


def load_pipeline(path: Path, boundaries: Boundaries) -> Pipeline:
    """The pipeline in ``path``. Raises one ConfigurationError that names every wrong field by file and line."""
    file = read_yaml(path)
    pipeline = file.model(Pipeline)
    file.refuse([*_own_defects(pipeline), *_boundary_defects(pipeline, boundaries)])
    return pipeline


def _own_defects(pipeline: Pipeline) -> Iterator[Defect]:
    """What contradicts itself, or asks for what this release does not do."""
    if pipeline.engine is not Engine.HADOOP:
        yield Defect(("engine",), shown(pipeline.engine.value), "this release rebuilds with hadoop only: write hadoop")
    if pipeline.schedule.cron is not None and not is_cron(pipeline.schedule.cron):
        yield Defect(("schedule", "cron"), shown(pipeline.schedule.cron), 'write five cron fields such as "30 2 * * *"')
    chunk = pipeline.granularity.segment
    if pipeline.lookback.total_seconds() < chunk.shortest_seconds:
        yield Defect(("lookback",), str(pipeline.lookback), f"write at least one time chunk ({chunk.value})")
    yield from _column_defects(pipeline)
    yield from _input_defects(pipeline)


def _column_defects(pipeline: Pipeline) -> Iterator[Defect]:
    seen: set[str] = set()
    columns = [(("dimensions", i, "name"), d.name) for i, d in enumerate(pipeline.dimensions)]
    columns += [(("metrics", i, "name"), m.name) for i, m in enumerate(pipeline.metrics)]
    for field, name in columns:
        if name in seen or name == "__time":
            yield Defect(field, shown(name), "give each column its own name; __time is Druid's")
        seen.add(name)
    for i, metric in enumerate(pipeline.metrics):
        if metric.type not in AGGREGATORS:
            close = get_close_matches(metric.type, AGGREGATORS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(sorted(AGGREGATORS))}"
            yield Defect(("metrics", i, "type"), shown(metric.type), hint)
        elif metric.type != "count" and not (metric.model_extra or {}).get("fieldName"):
            yield Defect(("metrics", i), shown(metric.name), "add fieldName: the column that is aggregated")
    names = {dimension.name for dimension in pipeline.dimensions}
    for i, name in enumerate(pipeline.partitioning.partition_dimensions):
        if name not in names:
            yield Defect(("partitioning", "partition_dimensions", i), shown(name), "name one of the dimensions above")


def _input_defects(pipeline: Pipeline) -> Iterator[Defect]:
    static = [i for i, entry in enumerate(pipeline.inputs) if isinstance(entry, StaticInput)]
    for i in static:
        delta = len(static) < len(pipeline.inputs)
        why = (
            "files beside the datasource's own segments would be added again each night" if delta else "no chunk tells"
        )
        yield Defect(("inputs", i), "static files", f"{why}: write only `type: datasource`")
    for i, entry in enumerate(pipeline.inputs):
        if not isinstance(entry, StaticInput) and entry.datasource not in {None, pipeline.datasource}:
            remedy = f"a datasource is rebuilt from its own segments: leave it out or write {pipeline.datasource}"
            yield Defect(("inputs", i, "datasource"), shown(entry.datasource), remedy)
    if len(pipeline.inputs) - len(static) > 1:
        yield Defect(("inputs", 1), "a second datasource", "keep one `type: datasource`")


def _boundary_defects(pipeline: Pipeline, boundaries: Boundaries) -> Iterator[Defect]:
    """What crosses the boundary between protected and general data."""
    if pipeline.classification is Classification.PHI:
        if not boundaries.phi.claims_datasource(pipeline.datasource):
            patterns = ", ".join(boundaries.phi.datasources)
            remedy = (
                f"protected datasources are named {patterns} (emr_configs/boundaries.yaml): rename it or add it there"
            )
            yield Defect(("datasource",), shown(pipeline.datasource), remedy)
        return
    remedy = "it is protected health information: write `classification: phi`, or name something general"
    for field, kind, name in _names(pipeline):
        if is_protected(boundaries, kind, name):
            yield Defect(field, shown(name), remedy)


def _names(pipeline: Pipeline) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    yield ("datasource",), "datasource", pipeline.datasource
    for kind, name in (("druid", pipeline.connections.druid), ("aws", pipeline.connections.aws)):
        if name is not None:
            yield ("connections", kind), "connection", name
    for i, entry in enumerate(pipeline.inputs):
        if isinstance(entry, StaticInput):
            for j, path in enumerate(entry.paths):
                yield ("inputs", i, "paths", j), "uri", path
        elif entry.datasource is not None:
            yield ("inputs", i, "datasource"), "datasource", entry.datasource


def is_protected(boundaries: Boundaries, kind: str, name: str) -> bool:
    """Whether ``name`` (a "datasource", "connection" or "uri") belongs to the PHI boundary."""
    match kind:
        case "datasource":
            return boundaries.phi.claims_datasource(name)
        case "connection":
            return name in {boundaries.phi.druid_conn_id, boundaries.phi.aws_conn_id}
        case _:
            return boundaries.phi.claims_uri(S3Uri.parse(name))


def is_cron(text: str) -> bool:
    """Whether ``text`` is five cron fields of numbers, ranges, steps and lists within their bounds."""
    fields = text.split()
    return len(fields) == len(_CRON_BOUNDS) and all(
        _is_cron_field(field, low, high) for field, (low, high) in zip(fields, _CRON_BOUNDS, strict=True)
    )


def _is_cron_field(field: str, low: int, high: int) -> bool:
    matches = [_CRON_PART.fullmatch(part) for part in field.split(",")]
    return all(
        match is not None and all(low <= int(value) <= high for value in match.groups()[:2] if value)
        for match in matches
    )
