"""What a pipeline may load of what it exports: whole rebuilt days, which replace the rows of these days."""

from __future__ import annotations

from collections.abc import Iterator

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.field_errors import did_you_mean
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer import FileFormat, Load, LoadMode
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]
TIME = "__time"


def sound_exports(pipeline: Pipeline, _: Boundaries) -> Found:
    """Exports in a form that no step writes, of columns that are not there, or that would leave other rows behind."""
    known = {TIME, *(each.name for each in pipeline.dimensions), *(each.name for each in pipeline.metrics)}
    for i, load in enumerate(pipeline.loads):
        at: FieldPath = ("loads", i)
        if load.unload is not None:
            if load.sources:
                remedy = "an unload's SELECT names its columns: leave it out"
                yield Defect((*at, "sources"), f"sources, of unload {load.unload}", remedy)
            continue
        if load.format is FileFormat.PARQUET:
            yield Defect((*at, "format"), "'parquet' of an export", "a step writes json or csv: write it")
        yield from _columns(at, load, known)
        yield from _days(at, load, pipeline)


def _columns(at: FieldPath, load: Load, known: set[str]) -> Found:
    for name in load.sources:
        if name not in load.columns:
            yield Defect((*at, "sources"), shown(name), did_you_mean(name, load.columns) or "name one of the columns")
    for j, name in enumerate(load.columns):
        if load.source(name) not in known:
            hint = did_you_mean(load.source(name), known) or f"name a dimension, a metric or {TIME}"
            remedy = f"{hint}; where it is called otherwise in the table: sources: {{{name}: …}}"
            yield Defect((*at, "columns", j), shown(load.source(name)), remedy)


def _days(at: FieldPath, load: Load, pipeline: Pipeline) -> Found:
    """A merge deletes what has the keys of the files: a whole day, and so also rows that it has no more."""
    days = [name for name in load.columns if load.source(name) == TIME]
    if load.mode is not LoadMode.MERGE:
        remedy = "an export holds the rebuilt days alone: write merge with the day as its key"
        yield Defect((*at, "mode"), shown(load.mode.value), remedy)
    elif list(load.keys) != days or len(days) != 1:
        remedy = f"the rows of whole days are replaced: write the column of {TIME} as the only key"
        yield Defect((*at, "keys"), ", ".join(load.keys) or "no key", remedy)
    if pipeline.granularity.query != "DAY":
        yield Defect(
            ("granularity", "query"), shown(pipeline.granularity.query), "rows are loaded by their day: write DAY"
        )
