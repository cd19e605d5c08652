"""The jobs that a run had for a batch, by their names, and between which versions each of them published.

A task of the Overlord publishes under the instant at which it got its lock, and no other writer has that lock while the
task lives; a step publishes under the version that its spec names.
Source: https://druid.apache.org/docs/25.0.0/querying/sql-metadata-tables.html#tasks-table
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from druid_reindex.errors import ProtocolError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import format_instant, parse_instant
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.plan import names
from druid_reindex.ports import DruidPort, ObjectStorePort

Versions = tuple[str, str]
_TASKS_SQL = 'SELECT "task_id", "created_time", "duration" FROM sys.tasks WHERE "datasource" = ?'
_SPEC = "/spec.json"


def tasks_of(druid: DruidPort, pipeline: Pipeline, run_id: RunId, batch: int) -> dict[str, Versions]:
    """The versions that the Overlord's tasks of the batch may have published under, by their ids.

    The Overlord forgets a task a day after its end (``druid.indexer.storage.recentlyFinishedThreshold``).
    """
    prefix = f"{names.task_prefix(pipeline.datasource, run_id)}b{batch}_"
    rows = druid.query(_TASKS_SQL, [{"type": "VARCHAR", "value": pipeline.datasource}])
    return {str(row["task_id"]): _lived(row) for row in rows if str(row["task_id"]).startswith(prefix)}


def steps_of(store: ObjectStorePort, boundary: Boundary, run_id: RunId, batch: int) -> dict[str, Versions]:
    """The versions that the batch's steps published under, by their names, from the specs that they were given."""
    prefix = names.batch_prefix(boundary, run_id, batch)
    found = [each.uri for each in store.listing(prefix) if each.uri.key.endswith(_SPEC)]
    return {uri.key.removesuffix(_SPEC).rpartition("/")[2]: _named(store.get(uri), str(uri)) for uri in found}


def _lived(row: Mapping[str, Any]) -> Versions:
    created = parse_instant(str(row["created_time"]))
    lived = timedelta(milliseconds=max(0, int(row["duration"] or 0)))
    return format_instant(created), format_instant(created + lived)


def _named(body: bytes, uri: str) -> Versions:
    try:
        version = str(json.loads(body)["spec"]["tuningConfig"]["version"])
    except (ValueError, KeyError, TypeError) as unreadable:
        raise ProtocolError(
            "read the spec of a batch",
            resource=uri,
            came_back=f"no version in it ({type(unreadable).__name__})",
            remedy="look at it with the release of druid-reindex that ran the night",
        ) from unreadable
    return version, version
