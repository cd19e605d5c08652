"""What of a pipeline decides its segments' content, as a digest that outlives releases of this provider.

The form is written out here field by field, defaults included, so that a field that a later release adds changes no
digest; a form that must change gets the next number, and digests of another form say nothing against each other.
Left out is what decides only when, where and by whom a chunk is rebuilt, and the target size, which every night
judges by the segments themselves. Of an unload's script the comments are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from druid_reindex.model.identity import canonical, digest
from druid_reindex.model.pipeline import DatasourceInput, Pipeline, StaticInput
from druid_reindex.model.sql_file import statement
from druid_reindex.model.transfer import Unload

FORM = "1"


def definition_of(pipeline: Pipeline, scripts: Mapping[str, str]) -> str:
    """``1:<sha256>`` of what decides the content; ``scripts`` are the texts of the unloads' SQL by the file's name."""
    return f"{FORM}:{digest(canonical(_form(pipeline, scripts)))}"


def is_other(known: str, now: str) -> bool:
    """Whether ``known`` is certainly another definition than ``now``: of the same form, and not equal."""
    return known != now and bool(known) and known.partition(":")[0] == now.partition(":")[0]


def _form(pipeline: Pipeline, scripts: Mapping[str, str]) -> dict[str, Any]:
    unloads = {unload.name: unload for unload in pipeline.unloads}
    key = pipeline.token_key
    return {
        "dimensions": [[column.name, column.type] for column in pipeline.dimensions],
        "metrics": [metric.model_dump(mode="json", exclude_none=True) for metric in pipeline.metrics],
        "segment_granularity": pipeline.granularity.segment.value,
        "query_granularity": pipeline.granularity.query,
        "rollup": pipeline.granularity.rollup,
        "partition_dimensions": list(pipeline.partitioning.partition_dimensions),
        "inputs": [_input(entry, unloads, scripts) for entry in pipeline.inputs],
        "token_key": [key.secret_id, key.version_id] if key else None,
    }


def _input(
    entry: DatasourceInput | StaticInput, unloads: Mapping[str, Unload], scripts: Mapping[str, str]
) -> dict[str, Any]:
    if isinstance(entry, DatasourceInput):
        return {"datasource": entry.datasource}
    if entry.unload is None:
        return {"paths": list(entry.paths), "format": entry.format}
    return {"format": entry.format} | _unload(unloads[entry.unload], scripts)


def _unload(unload: Unload, scripts: Mapping[str, str]) -> dict[str, Any]:
    source = unload.jdbc
    return {
        "sql": digest(statement(scripts[unload.sql]).encode()) if unload.sql else None,
        "jdbc": [source.database, source.table, sorted(source.columns)] if source else None,
        "tokens": [[token.column, token.kind, token.name] for token in unload.tokens],
    }
