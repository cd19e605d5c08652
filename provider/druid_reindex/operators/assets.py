"""The Airflow assets of nights: the datasource, and the tables that tasks read and write, by the names of lineage.

A table's asset is its dataset's namespace and name with ``x-`` before them, as ``x-redshift://…/database.schema.table``:
for another scheme Airflow imports the asset handlers of all providers. Files have none: their address is another one
each night. Airflow's OpenLineage provider tells a task's assets only where the task tells nothing by itself, as when it
is skipped; so a table that a task of ours names says that the task tells of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset

from druid_reindex.evidence.lineage import DatasetName, Query, of_table
from druid_reindex.evidence.lineage_tasks import Site, table_of
from druid_reindex.model.transfer import Load, Unload
from druid_reindex.operators.general_dags import ASSET_PREFIX
from druid_reindex.operators.queries import read_query

if TYPE_CHECKING:
    from druid_reindex.operators.settings import NightSettings

DRUID_CONNECTION = "druid_conn_id"
TABLES = ("x-redshift://", "x-postgres://")
_TOLD_BY = "told_by"
_TASK = "task"


def datasource(settings: NightSettings) -> Asset:
    """The datasource that the pipeline rebuilds."""
    return Asset(
        name=settings.pipeline.asset_name,
        uri=f"{ASSET_PREFIX}{settings.pipeline.datasource}",
        extra={DRUID_CONNECTION: settings.druid_conn_id},
    )


def unloaded(settings: NightSettings, unload: Unload) -> list[Asset]:
    """The tables that the unload reads; none where its SELECT cannot be read, or without OpenLineage's parser.

    None either where the boundary has no such database, which fails the task.
    """
    boundary = settings.boundary
    if unload.jdbc.database not in boundary.databases if unload.jdbc else boundary.redshift is None:
        return []
    try:
        tables = query_of(settings, unload).tables
    except ImportError:
        return []
    site = Site(settings.pipeline, boundary, settings.boundaries.region, "")
    return [_table(table_of(site, unload, table)) for table in tables]


def loaded(settings: NightSettings, load: Load) -> list[Asset]:
    """The table that the load writes; none where the boundary names no Redshift, which fails the task."""
    warehouse = settings.boundary.redshift
    return [_table(of_table(warehouse, settings.boundaries.region, load.table))] if warehouse is not None else []


def query_of(settings: NightSettings, unload: Unload) -> Query:
    """What the unload reads, by its table or its SQL as it is deployed, into which no value has been put.

    Raises ImportError for SQL, without OpenLineage's parser.
    """
    if unload.jdbc is not None and unload.jdbc.table is not None:
        table = unload.jdbc.table
        return Query((table,), {column: ((table, column),) for column in unload.jdbc.columns})
    script = settings.scripts.get(unload.sql or "", "")
    return read_query(script, "postgres" if unload.jdbc else "redshift")


def table_in(uri: str) -> DatasetName:
    """The table of which ``uri`` is the asset's."""
    host, _, name = uri.removeprefix("x-").partition("://")[2].partition("/")
    return DatasetName(f"{uri.removeprefix('x-').partition('://')[0]}://{host}", name)


def is_told_by_task(asset: Asset) -> bool:
    """Whether the task that names the asset tells lineage of it by itself."""
    return asset.extra.get(_TOLD_BY) == _TASK


def _table(name: DatasetName) -> Asset:
    return Asset(uri=f"x-{name.namespace}/{name.name}", extra={_TOLD_BY: _TASK})
