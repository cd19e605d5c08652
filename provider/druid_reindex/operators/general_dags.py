"""The boundary in a hand-written DAG: what is not tagged ``phi`` names nothing of the protected side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset

from druid_reindex.evidence.lineage import of_source_table, of_table
from druid_reindex.model.boundary import Boundaries, Boundary, refuse_named, refuse_phi_names
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri

if TYPE_CHECKING:
    from airflow.sdk.types import Operator

# "x-": for any other scheme Airflow imports the asset handlers of all providers, boto3 among them, to parse a DAG.
# Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/authoring-and-scheduling/assets.html
ASSET_PREFIX = "x-druid://datasource/"
_ASSET_PREFIXES = (ASSET_PREFIX, ASSET_PREFIX.removeprefix("x-"))
_S3_SCHEMES = ("s3://", "s3a://", "s3n://")
_TABLE = "schema.table"
_CONNECTION_SUFFIX = "conn_id"
_DATASOURCE_NAMES = {"datasource", "data_source"}


def keep_boundary(dag: DAG, *, configs: Path) -> None:
    """Refuse ``dag``, unless it is tagged ``phi``, when a task names a protected connection, datasource or S3 prefix.

    Looks at each task's ``…conn_id`` attributes, its ``datasource``, its inlets and outlets, and every S3 address in
    its templated fields. A table is protected where its database is, which the general side does not use too.
    Raises ConfigurationError, which Airflow shows as the DAG file's import error.

    Call it last in the DAG file, or for all DAGs from ``dag_policy`` in ``airflow_local_settings.py``.
    Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/administration-and-deployment/cluster-policies.html
    """
    if Classification.PHI.value in dag.tags:
        return
    boundaries = load_boundaries(configs)
    for task in dag.tasks:
        _refuse(task, boundaries, dag.dag_id)


def _refuse(task: Operator, boundaries: Boundaries, dag_id: str) -> None:
    arguments = {**vars(task), **getattr(task, "partial_kwargs", {})}
    texts = [text for value in arguments.values() for text in _texts(value)]
    resource = f"DAG {dag_id}, task {task.task_id}"
    refuse_phi_names(
        boundaries,
        Classification.GENERAL,
        resource=resource,
        datasources=[*_datasources(arguments), *_assets(texts)],
        connection_ids=[v for n, v in arguments.items() if n.endswith(_CONNECTION_SUFFIX) and isinstance(v, str)],
        uris=[S3Uri.parse(f"s3://{text.partition('://')[2]}") for text in texts if text.startswith(_S3_SCHEMES)],
    )
    protected = _databases(boundaries.phi, boundaries.region) - _databases(boundaries.general, boundaries.region)
    tables = [text for text in texts if text.removeprefix("x-").startswith(tuple(protected))]
    refuse_named(tables, resource=resource)


def _databases(boundary: Boundary, region: str) -> set[str]:
    """What the addresses of tables in the boundary's databases begin with."""
    some = [of_source_table(each, _TABLE) for each in boundary.databases.values()]
    some += [of_table(boundary.redshift, region, _TABLE)] if boundary.redshift is not None else []
    return {f"{name.namespace}/{name.name.removesuffix(_TABLE)}" for name in some}


def _datasources(arguments: dict[str, Any]) -> list[str]:
    return [value for name, value in arguments.items() if name in _DATASOURCE_NAMES and isinstance(value, str)]


def _assets(texts: list[str]) -> list[str]:
    return [text.removeprefix(prefix) for text in texts for prefix in _ASSET_PREFIXES if text.startswith(prefix)]


def _texts(value: Any) -> Iterator[str]:
    """Every text in ``value``: in assets, and in lists and mappings at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Asset):
        yield value.uri
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
