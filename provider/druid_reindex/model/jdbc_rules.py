"""What a pipeline may say about unloads from a database of its boundary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.database import JdbcSource
from druid_reindex.model.field_errors import did_you_mean
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer import Compression, FileFormat, Unload
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]
_SPLIT_ONLY = ("parts", "lower", "upper")


def sound_databases(pipeline: Pipeline, boundaries: Boundaries) -> Found:
    """Databases that the boundary has not, rows that are said twice or not at all, ranges of no column."""
    known = boundaries.of(pipeline.classification).databases
    for i, unload in enumerate(pipeline.unloads):
        at: FieldPath = ("unloads", i)
        if unload.jdbc is None:
            if unload.sql is None:
                yield Defect((*at, "sql"), "nothing", "Redshift runs a SELECT: name a file, such as unload/claims.sql")
            continue
        if unload.jdbc.database not in known:
            side = f"{pipeline.classification.value}.databases"
            hint = did_you_mean(unload.jdbc.database, known) or f"boundaries.yaml has {', '.join(known) or 'none'}"
            yield Defect((*at, "jdbc", "database"), shown(unload.jdbc.database), f"not one of {side}; {hint}")
        yield from _rows(at, unload, unload.jdbc)
        yield from _ranges((*at, "jdbc"), unload.jdbc)
        yield from _files(at, unload)


def missing_ca(pipeline: Pipeline, boundaries: Boundaries, configs: Path) -> list[Defect]:
    """The CA files that unloads need and that are not there, or hold something else than certificates."""
    known = boundaries.of(pipeline.classification).databases
    found: list[Defect] = []
    for i, unload in enumerate(pipeline.unloads):
        if unload.jdbc is None or unload.jdbc.database not in known:
            continue
        file = configs / known[unload.jdbc.database].ca_file
        text = file.read_text(encoding="ascii", errors="replace") if file.is_file() else ""
        if "-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY-----" in text:
            wrong = "no certificate, or a private key, in it" if file.is_file() else "there is no such file"
            remedy = "put the PEM of the CA that signs the server's certificate there"
            found.append(Defect(("unloads", i, "jdbc", "database"), f"{file}: {wrong}", remedy))
    return found


def _rows(at: FieldPath, unload: Unload, jdbc: JdbcSource) -> Found:
    if (unload.sql is None) == (jdbc.table is None):
        found = "neither sql nor table" if jdbc.table is None else "sql and table"
        yield Defect((*at, "jdbc", "table"), found, "write one of them")
    elif jdbc.table is not None and not jdbc.columns:
        yield Defect((*at, "jdbc", "columns"), "no column", "list the columns that are needed, and no others")
    elif jdbc.table is None and jdbc.columns:
        yield Defect((*at, "jdbc", "columns"), "columns, of a query", "the query names them: leave it out")
    for j, name in enumerate(jdbc.columns):
        if name in jdbc.columns[:j]:
            yield Defect((*at, "jdbc", "columns", j), f"{shown(name)} a second time", "keep one of them")


def _ranges(at: FieldPath, jdbc: JdbcSource) -> Found:
    if jdbc.split_column is None:
        for name in _SPLIT_ONLY:
            if name in jdbc.model_fields_set:
                yield Defect((*at, name), f"{name} without split_column", "name the column that the rows are parted by")
    if (jdbc.lower is None) != (jdbc.upper is None):
        yield Defect((*at, "lower" if jdbc.lower is None else "upper"), "one end of the ranges", "write both, or none")
    elif jdbc.lower is not None and jdbc.upper is not None and not _ascends(jdbc.lower, jdbc.upper):
        yield Defect((*at, "upper"), f"{shown(jdbc.upper)} after {shown(jdbc.lower)}", "write the greater one as upper")


def _ascends(lower: str, upper: str) -> bool:
    numbers = [int(each) for each in (lower, upper) if each.lstrip("-").isdecimal()]
    return numbers[0] < numbers[1] if len(numbers) == 2 else not numbers and lower < upper


def _files(at: FieldPath, unload: Unload) -> Found:
    if unload.format is FileFormat.PARQUET:
        yield Defect((*at, "format"), "'parquet' of a database", "a step writes json or csv: write it")
    if unload.compression is not Compression.BZIP2:
        remedy = "a step writes files that a Hadoop job splits: write bzip2"
        yield Defect((*at, "compression"), shown(unload.compression.value), remedy)
    if "max_file_size_mb" in unload.model_fields_set:
        remedy = "each part is one file: leave it out, and write parts"
        yield Defect((*at, "max_file_size_mb"), str(unload.max_file_size_mb), remedy)
