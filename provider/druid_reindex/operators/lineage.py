"""What a task of a night tells a listener of OpenLineage, and which dataset an asset of a night is.

Airflow's provider for OpenLineage asks when a task begins, succeeds and fails, in a process beside the task's, and
sends by whatever transport is configured; what CloudTrail has of a night is sent by the task that has looked. Where
that provider is absent or switched off, nothing is sent, and a night has no name in lineage.
Source: https://airflow.apache.org/docs/apache-airflow-providers-openlineage/stable/guides/developer.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from druid_reindex.evidence import lineage_facets as facets
from druid_reindex.evidence.lineage import READS, WRITES, DatasetName, Lineage, Names, RunName, druid_namespace
from druid_reindex.evidence.lineage import Dataset as Told
from druid_reindex.evidence.lineage_tasks import Site
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import Unload
from druid_reindex.operators import assets, connections
from druid_reindex.operators.general_dags import ASSET_PREFIX

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Asset, Context
    from openlineage.client.event_v2 import Dataset

    from druid_reindex.clients.reconciling import Looked
    from druid_reindex.operators.night import NightOperator

log = logging.getLogger(__name__)
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


def run_name(context: Context, druid_conn_id: str) -> RunName | None:
    """By which names lineage tells of the DagRun; None where none is told, or where a name cannot be found."""
    try:
        from airflow.providers.openlineage.api import is_openlineage_active  # noqa: PLC0415

        if not is_openlineage_active():
            return None
        from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter  # noqa: PLC0415
        from airflow.providers.openlineage.plugins.macros import lineage_job_namespace  # noqa: PLC0415

        run, job_namespace = context["dag_run"], lineage_job_namespace()  # type: ignore[no-untyped-call]
        identity = OpenLineageAdapter.build_dag_run_id(
            dag_id=run.dag_id, logical_date=run.logical_date or run.run_after, clear_number=run.clear_number or 0
        )
        return RunName(job_namespace, run.dag_id, identity, namespace(druid_conn_id))
    except ImportError:
        return None
    except Exception:
        log.warning("what CloudTrail has of this night will not be told in lineage", exc_info=True)
        return None


def tell_trail(looked: Looked, began: datetime) -> None:
    """Send what is new of CloudTrail as a run of its own; what goes wrong is logged, once, and stops nothing.

    Nothing is sent a second time: a supplement is new once, and one whose event was lost tells it all the same.
    """
    told = looked.trail_run
    if told is None:
        return
    try:
        from airflow.providers.openlineage.api import emit, is_openlineage_active  # noqa: PLC0415

        from druid_reindex.clients.openlineage import trail_events  # noqa: PLC0415

        if is_openlineage_active():
            for event in trail_events(told, began, datetime.now(UTC)):
                emit(event)
    except ImportError:
        return
    except Exception:
        log.warning("no lineage is told of %s", looked.kept.uri, exc_info=True)


def looked_at(looked: Iterable[Looked]) -> OperatorLineage[Any, Any]:
    """What a task that looks at nights reads: the datasources of those that lineage knows."""
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415

    from druid_reindex.clients import openlineage  # noqa: PLC0415

    runs = (each.run for each in looked)
    names = {
        DatasetName(run.lineage.druid, run.datasource): run.classification for run in runs if run.lineage is not None
    }
    datasets = [Told(name, facets.tagged(side)) for name, side in names.items()]
    return OperatorLineage(openlineage.inputs(datasets), [], {})


def site_of(task: NightOperator) -> Site:
    """Where the datasets of the task's pipeline are. Raises ConfigurationError where the connection names no Druid."""
    settings = task.settings
    return Site(settings.pipeline, settings.boundary, settings.boundaries.region, namespace(settings.druid_conn_id))


def namespace(druid_conn_id: str) -> str:
    """The namespace of the datasources that the connection reaches, by the Router's address or the Broker's."""
    return druid_namespace(*connections.druid_address(druid_conn_id))


def sql_digest(task: NightOperator, unload: Unload) -> str | None:
    """The SHA-256 of the unload's file of ``sql/`` as it is deployed; None where it has none."""
    script = task.settings.scripts.get(unload.sql or "")
    return None if script is None else digest(script.encode())


def asset_dataset(asset: Asset, _context: Any) -> Dataset | None:
    """The dataset that an asset is: a table by its address, a datasource where it says by which connection Druid is
    reached; None elsewhere, and for a table of which the task itself tells more.

    Airflow asks for it by ``provider_info``, for assets that are named by any DAG.
    """
    from openlineage.client.event_v2 import Dataset

    name = _dataset_of(asset)
    return Dataset(name.namespace, name.name) if name is not None else None


def _dataset_of(asset: Asset) -> DatasetName | None:
    if asset.uri.startswith(assets.TABLES):
        return None if assets.is_told_by_task(asset) else assets.table_in(asset.uri)
    connection = asset.extra.get(assets.DRUID_CONNECTION)
    if not isinstance(connection, str) or not asset.uri.startswith(ASSET_PREFIX):
        return None
    return DatasetName(namespace(connection), asset.uri.removeprefix(ASSET_PREFIX))


def _is_idle(task: NightOperator) -> bool:
    """Whether the night was planned and the task has nothing to do in it."""
    night = planned_of(task.night)
    return night.get("batches") == [] or (task.reads_sources and bool(night.get("purge")))


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
