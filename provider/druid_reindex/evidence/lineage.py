"""Datasets by OpenLineage's names, and what a task tells of those that it reads and writes.

Facets stand here in the JSON form of the specification, by key, without ``_producer`` and ``_schemaURL``: whoever sends
them adds both. Druid is not in the specification; it is named as databases are.
Source: https://openlineage.io/docs/spec/naming/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.model.database import Database
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Warehouse

Facets = Mapping[str, Mapping[str, Any]]
Names = Mapping[str, Sequence[Sequence[str]]]
"""The datasets that a task ``reads`` and ``writes``, each by its namespace and its name."""

READS, WRITES = "reads", "writes"
LINEAGE_SECTION, CALLS_SECTION = "lineage-of-task", "calls-of-task"
"""Where a task's own page tells of its datasets, and of its calls."""

# The Data API names no port; clusters and workgroups listen here unless somebody says otherwise.
# Source: https://docs.aws.amazon.com/redshift/latest/mgmt/managing-clusters-console.html
REDSHIFT_PORT = 5439
_DEFAULT_SCHEMA = "public"
_GLOBS = ("{", "*", "?", "[")


@dataclass(frozen=True, slots=True, order=True)
class DatasetName:
    """A dataset's name, unique within its namespace."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class RunName:
    """By which names events tell of a night: its ``job`` in a ``namespace``, its ``run`` (a UUID), and ``druid``,
    the namespace of its datasource.
    """

    namespace: str
    job: str
    run: str
    druid: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset and what is told of it."""

    name: DatasetName
    facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a task reads and writes, as far as it is known; ``work`` is what the night's facet tells of it besides."""

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    work: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """What a SELECT reads: its tables, and for each of its columns the columns (table, name) that it is made of.

    A constant has no origin, and is not among the columns.
    """

    tables: tuple[str, ...] = ()
    columns: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def of_folder(uri: S3Uri) -> DatasetName:
    """The files below ``uri``, or below its last folder before a part that stands for several."""
    key = uri.key
    if cut := [key.index(glob) for glob in _GLOBS if glob in key]:
        key = key[: min(cut)].rpartition("/")[0]
    return DatasetName(f"s3://{uri.bucket}", key.strip("/") or "/")


def of_manifest(uri: S3Uri) -> DatasetName:
    """The files that the manifest at ``uri`` lists, which lie beside it."""
    return of_folder(S3Uri(uri.bucket, uri.key.rpartition("/")[0]))


def of_table(warehouse: Warehouse, region: str, table: str) -> DatasetName:
    """A table of Redshift, by its name with or without a schema."""
    cluster = warehouse.cluster_identifier or warehouse.workgroup_name
    return DatasetName(f"redshift://{cluster}.{region}:{REDSHIFT_PORT}", _qualified(warehouse.database, table))


def of_source_table(database: Database, table: str) -> DatasetName:
    """A table of a PostgreSQL database outside AWS."""
    return DatasetName(f"postgres://{database.host}:{database.port}", _qualified(database.database, table))


def druid_namespace(host: str, port: int) -> str:
    """The namespace of the datasources that Druid serves at that address."""
    return f"druid://{host}:{port}"


def _qualified(database: str, table: str) -> str:
    schema, _, name = table.rpartition(".")
    return f"{database}.{schema or _DEFAULT_SCHEMA}.{name}"
