"""What a task of a night tells a listener of OpenLineage, and which dataset an asset of a night is.

Airflow's provider for OpenLineage asks when a task begins, succeeds and fails, in a process beside the task's, and
sends by whatever transport is configured. Nothing here is called where that provider is absent or switched off.
Source: https://airflow.apache.org/docs/apache-airflow-providers-openlineage/stable/guides/developer.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from druid_reindex.evidence import lineage_facets as facets
from druid_reindex.evidence.lineage import READS, WRITES, DatasetName, Lineage, Names, Query, druid_namespace
from druid_reindex.evidence.lineage_tasks import Site
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import Unload
from druid_reindex.operators import connections
from druid_reindex.operators.general_dags import ASSET_PREFIX

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Asset
    from openlineage.client.event_v2 import Dataset

    from druid_reindex.operators.night import NightOperator

DRUID_CONNECTION = "druid_conn_id"
# What ran elsewhere for a task, as its record names it.
_WORK = ("task_id", "step_id", "statement_id", "spec_uri")


def told(task: NightOperator) -> OperatorLineage[Any, Any]:
    """The task's datasets and facets as far as they are known; what goes wrong is logged, once, and stops nothing."""
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415

    try:
        from druid_reindex.clients import openlineage  # noqa: PLC0415

        found = Lineage() if _is_idle(task) else task.lineage()
        run = openlineage.run_facets(facets.night(**_identity(task), **found.work))
        return OperatorLineage(openlineage.inputs(found.inputs), openlineage.outputs(found.outputs), run)
    except Exception:
        task.log.warning("no lineage is told of this task, which goes on without", exc_info=True)
        return OperatorLineage()


def site_of(task: NightOperator) -> Site:
    """Where the datasets of the task's pipeline are. Raises ConfigurationError where the connection names no Druid."""
    settings = task.settings
    return Site(settings.pipeline, settings.boundary, settings.boundaries.region, namespace(settings.druid_conn_id))


def namespace(druid_conn_id: str) -> str:
    """The namespace of the datasources that the connection reaches, by the Router's address or the Broker's."""
    return druid_namespace(*connections.druid_address(druid_conn_id))


def query_of(task: NightOperator, unload: Unload) -> Query:
    """What the unload reads, by its table or its SQL as it is deployed, into which no value has been put."""
    if unload.jdbc is not None and unload.jdbc.table is not None:
        table = unload.jdbc.table
        return Query((table,), {column: ((table, column),) for column in unload.jdbc.columns})
    from druid_reindex.clients.openlineage import read_query  # noqa: PLC0415

    script = task.settings.scripts.get(unload.sql or "", "")
    return read_query(script, "postgres" if unload.jdbc else "redshift")


def sql_digest(task: NightOperator, unload: Unload) -> str | None:
    """The SHA-256 of the unload's file of ``sql/`` as it is deployed; None where it has none."""
    script = task.settings.scripts.get(unload.sql or "")
    return None if script is None else digest(script.encode())


def asset_dataset(asset: Asset, _context: Any) -> Dataset | None:
    """The dataset that an asset of a night is; None where the asset does not say by which connection Druid is reached.

    Airflow asks for it by ``provider_info``, for assets that are named by any DAG.
    """
    from openlineage.client.event_v2 import Dataset

    connection = asset.extra.get(DRUID_CONNECTION)
    if not isinstance(connection, str) or not asset.uri.startswith(ASSET_PREFIX):
        return None
    name = DatasetName(namespace(connection), asset.uri.removeprefix(ASSET_PREFIX))
    return Dataset(name.namespace, name.name)


def _is_idle(task: NightOperator) -> bool:
    """Whether the night was planned and does nothing, so that its tasks are skipped."""
    return planned_of(task.night).get("batches") == []


def _identity(task: NightOperator) -> dict[str, Any]:
    """Identifiers, digests and addresses of the night, and of what ran elsewhere for the task."""
    settings, planned = task.settings, planned_of(task.night)
    left = task.returned if isinstance(task.returned, Mapping) else {}
    return {
        "runId": task.told_run_id or planned.get("run_id"),
        "datasource": settings.pipeline.datasource,
        "classification": settings.pipeline.classification.value,
        "submit": settings.pipeline.submit.value,
        "dryRun": planned.get("dry_run"),
        "planUri": planned.get("plan_uri"),
        "planSha256": planned.get("plan_sha256"),
        "fence": planned.get("fence"),
        "batch": getattr(task, "batch", None),
        "work": {name: str(left[name]) for name in _WORK if left.get(name)} or None,
        "keyVersionId": left.get("key_version"),
    }


def planned_of(rendered: Any) -> dict[str, Any]:
    """What ``plan`` told, out of the task's rendered template; nothing before it is rendered, or without a plan."""
    try:
        found = json.loads(rendered) if isinstance(rendered, str) else rendered
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def named(task: NightOperator) -> Names:
    """Namespace and name of each dataset that the task has read and written; of none where that cannot be said.

    It cannot for unloads where the extra ``openlineage`` is not installed, which reads their SQL.
    """
    try:
        found = Lineage() if _is_idle(task) else task.lineage()
    except ModuleNotFoundError as missing:
        task.log.info("the task's page will name no datasets: %s", missing)
        return {}
    except Exception:
        task.log.warning("the task's page will name no datasets; the task itself goes on", exc_info=True)
        return {}
    ways = {READS: found.inputs, WRITES: found.outputs}
    return {way: sorted([each.name.namespace, each.name.name] for each in told) for way, told in ways.items()}
