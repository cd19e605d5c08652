"""What a pipeline's unloads and loads may say: against each other, and against the boundary's Redshift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.field_errors import did_you_mean
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.sql_file import sql_defect
from druid_reindex.model.transfer import Compression, FileFormat, Load, LoadMode, Unload
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]


def transfers_need_redshift(pipeline: Pipeline, boundaries: Boundaries) -> Found:
    """Unloads and loads where the boundary names no Redshift."""
    if boundaries.of(pipeline.classification).redshift is not None:
        return
    side = pipeline.classification.value
    asked = {"unloads": [each for each in pipeline.unloads if each.jdbc is None], "loads": pipeline.loads}
    for field, moved in asked.items():
        if moved:
            remedy = f"add redshift (cluster_identifier, database, role_arns) to {side} in boundaries.yaml"
            yield Defect((field,), f"{field} where boundaries.yaml has no {side}.redshift", remedy)


def sound_unloads(pipeline: Pipeline, _: Boundaries) -> Found:
    """Names that are given twice, and formats that do not go together."""
    yield from _twice("unloads", [each.name for each in pipeline.unloads])
    for i, each in enumerate(pipeline.unloads):
        yield from _compressed(("unloads", i), each)


def sound_loads(pipeline: Pipeline, _: Boundaries) -> Found:
    """Names and tables that are given twice, keys that do not fit, sources that are not there."""
    yield from _twice("loads", [each.name for each in pipeline.loads])
    yield from _twice("loads", [each.table for each in pipeline.loads], of="table")
    for i, each in enumerate(pipeline.loads):
        at: FieldPath = ("loads", i)
        yield from _compressed(at, each)
        yield from _keys(at, each)
        yield from _source(at, each, pipeline.unloads)


def missing_sql(pipeline: Pipeline, folder: Path) -> list[Defect]:
    """The files of ``folder`` (``sql/``) that the pipeline names and that are not there, or lack their header."""
    named = [("unloads", i, each.sql) for i, each in enumerate(pipeline.unloads) if each.sql is not None]
    named += [("loads", i, each.sql) for i, each in enumerate(pipeline.loads) if each.sql is not None]
    found = ((field, i, name, sql_defect(folder, name)) for field, i, name in named)
    return [
        Defect((field, i, "sql"), f"{shown(name)}: {wrong[0]}", wrong[1]) for field, i, name, wrong in found if wrong
    ]


def read_scripts(pipeline: Pipeline, folder: Path) -> dict[str, str]:
    """The texts of the unloads' SQL, by the names that the pipeline gives the files of ``folder`` (``sql/``)."""
    named = (unload.sql for unload in pipeline.unloads if unload.sql is not None)
    return {name: (folder / name).read_text(encoding="utf-8") for name in named}


def _twice(field: str, values: Sequence[str], *, of: str = "name") -> Found:
    for i, value in enumerate(values):
        if value in values[:i]:
            yield Defect((field, i, of), f"{shown(value)} a second time", "write each once")


def _compressed(at: FieldPath, transfer: Unload | Load) -> Found:
    if transfer.format is FileFormat.PARQUET and transfer.compression is not Compression.NONE:
        remedy = "Parquet compresses by itself: leave it out"
        yield Defect((*at, "compression"), f"{shown(transfer.compression.value)} with parquet", remedy)


def _keys(at: FieldPath, load: Load) -> Found:
    if load.mode is LoadMode.SWAP and load.keys:
        yield Defect((*at, "keys"), "keys with mode swap", "a swap replaces every row: leave keys out, or write merge")
    if load.mode is LoadMode.MERGE and not load.keys:
        yield Defect((*at, "keys"), "no key", "rows of a merge replace those with equal keys: write keys: [day]")
    for i, key in enumerate(load.keys):
        if key not in load.columns:
            hint = did_you_mean(key, load.columns) or f"write one of {', '.join(load.columns)}"
            yield Defect((*at, "keys", i), shown(key), f"not among the columns that are loaded; {hint}")
    yield from _repeated((*at, "columns"), load.columns)
    yield from _repeated((*at, "keys"), load.keys)


def _repeated(at: FieldPath, names: Sequence[str]) -> Found:
    for i, name in enumerate(names):
        if name in names[:i]:
            yield Defect((*at, i), f"{shown(name)} a second time", "keep one of them")


def _source(at: FieldPath, load: Load, unloads: Sequence[Unload]) -> Found:
    if load.unload is None:
        return
    source = next((each for each in unloads if each.name == load.unload), None)
    if source is None:
        names = [each.name for each in unloads]
        hint = did_you_mean(load.unload, names) or f"write one of {', '.join(names) or 'none (there are none)'}"
        yield Defect((*at, "unload"), shown(load.unload), f"no unload of this pipeline; {hint}")
    elif (source.format, source.compression) != (load.format, load.compression):
        unlike = f"{load.format.value}, {load.compression.value}"
        remedy = f"its files are {source.format.value}, {source.compression.value}: write these"
        yield Defect((*at, "format"), f"{unlike}, of unload {source.name}", remedy)
