"""What each task of a night reads and writes: from the pipeline's definition, and from what the task left.

A task that has left nothing yet tells the datasets whose names are certain, so that each event of a run may be taken
together with those before it. What a task left is the record that it returns to Airflow: counts, digests, addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence import lineage_facets as facets
from druid_reindex.evidence.lineage import (
    Dataset,
    DatasetName,
    Facets,
    Lineage,
    Query,
    of_folder,
    of_manifest,
    of_source_table,
    of_table,
)
from druid_reindex.evidence.lineage_facets import Check, Origin
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.pipeline import DatasourceInput, Metric, Pipeline
from druid_reindex.model.transfer import Load, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Warehouse

TIME, FILE_TIME = "__time", "timestamp"
_TYPES = {"count": "LONG", "long": "LONG", "double": "DOUBLE", "float": "FLOAT", "string": "STRING"}
Left = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """A pipeline and where its datasets are; ``druid`` is the namespace of its datasources."""

    pipeline: Pipeline
    boundary: Boundary
    region: str
    druid: str

    @property
    def warehouse(self) -> Warehouse:
        """The boundary's Redshift. Raises ConfigurationError where it names none."""
        if self.boundary.redshift is not None:
            return self.boundary.redshift
        raise ConfigurationError(
            "name a table of Redshift",
            resource="boundaries.yaml",
            came_back=f"no {self.pipeline.classification.value}.redshift",
            remedy="add cluster_identifier or workgroup_name, database and role_arns there",
        )

    @property
    def written(self) -> DatasetName:
        """The datasource that the pipeline rebuilds."""
        return DatasetName(self.druid, self.pipeline.datasource)

    @property
    def read(self) -> DatasetName:
        """The datasource whose segments are read."""
        return DatasetName(self.druid, self.pipeline.source)

    def standing(self, layer: str, file_format: str = "") -> Facets:
        """What holds of each of its datasets."""
        return facets.standing(self.pipeline.owner, self.pipeline.classification.value, layer, file_format)

    def folder(self, name: DatasetName, unload: Unload | Load, *more: Facets) -> Dataset:
        """Files of an unload or an export."""
        return Dataset(name, _joined(self.standing("s3", unload.format.value), *more))


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a batch was built from and what became of it, by chunk; ``manifests`` are those of the files it read."""

    read: Mapping[str, Sequence[str]] = field(default_factory=dict)
    published: Mapping[str, Sequence[str]] = field(default_factory=dict)
    manifests: tuple[str, ...] = ()
    size_bytes: int | None = None
    replaced: bool = True


def unload(site: Site, asked: Unload, query: Query, left: Left | None, sql_sha256: str | None = None) -> Lineage:
    """Tables of a database, and the files that their rows became; ``sql_sha256`` stands for the SELECT's text."""
    origins = {name: tuple(Origin(table_of(site, asked, table), column, _subtype(name, column))
                           for table, column in made) for name, made in query.columns.items()}  # fmt: skip
    read = _columns_read(origins.values())
    inputs = tuple(
        Dataset(table_of(site, asked, table), _joined(
            site.standing("postgres" if asked.jdbc else "redshift"),
            facets.schema(dict.fromkeys(read.get(table_of(site, asked, table), ()), "")),
        ))
        for table in query.tables
    )  # fmt: skip
    columns = facets.column_lineage(origins), facets.schema(dict.fromkeys(origins, ""))
    work = {"sqlFile": asked.sql, "sqlSha256": sql_sha256} if sql_sha256 else {}
    return Lineage(inputs, _files_left(site, asked, left, *columns), work)


def tokenise(site: Site, asked: Unload, query: Query, source: str, left: Left | None) -> Lineage:
    """Files with identifiers (``source`` is their manifest), and those in which tokens have taken their place."""
    if not source:
        return Lineage()
    name = of_manifest(S3Uri.parse(source))
    tokens = {token.column: token.name for token in asked.tokens}
    origins = {
        tokens.get(column, column): (Origin(name, column, *(("TRANSFORMATION", True) if column in tokens else ())),)
        for column in {**query.columns, **tokens}
    }
    read = site.folder(name, asked, facets.schema(dict.fromkeys({**query.columns, **tokens}, "")))
    columns = facets.column_lineage(origins), facets.schema(dict.fromkeys(origins, ""))
    return Lineage((read,), _files_left(site, asked, left, *columns))


def rebuild(site: Site, left: Rebuilt | None) -> Lineage:
    """The segments and files that a batch is built from, and the datasource that serves it."""
    pipeline, done = site.pipeline, left or Rebuilt()
    inputs = [*_datasource_read(site, done), *_files_read(site, done)]
    lineage = facets.column_lineage(_origins(pipeline, [each.name for each in inputs], site.druid))
    told: list[Facets] = [site.standing("druid"), facets.schema(columns(pipeline)), lineage]
    if done.published:
        ids = [each for chunk in done.published.values() for each in chunk]
        told += [
            facets.changed(_change(done, ids)),
            facets.segments("rebuilt", done.published, pipeline.datasource),
            facets.written(size_bytes=done.size_bytes, files=len(ids)),
        ]
    return Lineage(tuple(inputs), (Dataset(site.written, _joined(*told)),))


def export(site: Site, asked: Load, left: Left | None) -> Lineage:
    """The rebuilt datasource, and the files that its chunks became."""
    read = Dataset(site.written, _joined(site.standing("druid"), facets.schema(columns(site.pipeline))))
    origins = {
        column: (Origin(site.written, asked.source(column), _subtype(column, asked.source(column))),)
        for column in asked.columns
    }
    told = facets.column_lineage(origins), facets.schema(dict.fromkeys(asked.columns, ""))
    return Lineage((read,), _files_left(site, asked, left, *told))


def load(site: Site, asked: Load, left: Left | None) -> Lineage:
    """Files, and the table of Redshift that has their rows."""
    table = of_table(site.warehouse, site.region, asked.table)
    shape = facets.schema(dict.fromkeys(asked.columns, ""))
    told: list[Facets] = [site.standing("redshift"), shape]
    if not left:
        return Lineage((), (Dataset(table, _joined(*told)),))
    name = of_manifest(S3Uri.parse(left["manifest_uri"]))
    told += [
        facets.column_lineage({column: (Origin(name, column),) for column in asked.columns}),
        facets.written(rows=left["rows"]),
        facets.changed(facets.OVERWRITE) if asked.mode == "swap" else {},
    ]
    files = site.folder(name, asked, shape, _manifest(site, left))
    return Lineage((files,), (Dataset(table, _joined(*told)),))


def judge(site: Site, checks: Iterable[Check], left: Left | None) -> Lineage:
    """The datasource, with what was checked of it; ``left`` sums up what was judged, None where nothing was."""
    told = [site.standing("druid"), facets.schema(columns(site.pipeline)), facets.assertions(checks)]
    if left:
        told += [
            facets.amount(rows=left["rows_after"], size_bytes=left["bytes_after"], files=left["segments_after"]),
            facets.stored("judged", left["versions"], left["kms_keys"]),
            facets.version(left["versions"]),
        ]
    return Lineage((Dataset(site.written, _joined(*told)),))


def take_back(site: Site, serving: Mapping[str, Mapping[str, Any]]) -> Lineage:
    """The datasource, whose chunks serve again what they served before; ``serving`` has their versions and rows."""
    told = (
        site.standing("druid"),
        facets.schema(columns(site.pipeline)),
        facets.changed(facets.OVERWRITE),
        facets.served("taken back", serving),
    )
    return Lineage((), (Dataset(site.written, _joined(*told)),))


def retire(site: Site, gone: Disposal | None, record_uri: str) -> Lineage:
    """The datasource, of which stored versions are ``gone`` for good; nothing where none is."""
    if gone is None or not (gone.is_done and gone.segments):
        return Lineage()
    datasource = site.pipeline.datasource
    told = facets.disposed(gone.segments, datasource, object_versions=len(gone.objects), record_uri=record_uri)
    return Lineage((), (Dataset(site.written, _joined(site.standing("druid"), facets.changed(facets.TRUNCATE), told)),))


def table_of(site: Site, asked: Unload, table: str) -> DatasetName:
    """A table that the unload reads: one of the boundary's Redshift, or of the database that it names."""
    if asked.jdbc is not None:
        return of_source_table(site.boundary.databases[asked.jdbc.database], table)
    return of_table(site.warehouse, site.region, table)


def columns(pipeline: Pipeline) -> dict[str, str]:
    """Druid's type of each column of the pipeline; empty for a sketch's."""
    stored = {each.name: each.type.upper() for each in pipeline.dimensions}
    return {TIME: "LONG", **stored, **{each.name: _type(_kind(each)["type"]) for each in pipeline.metrics}}


def _change(done: Rebuilt, ids: Sequence[str]) -> str:
    """What a batch did to its chunks: a purge may leave no segment of them."""
    if not ids:
        return facets.TRUNCATE
    return facets.OVERWRITE if done.replaced else facets.CREATE


def _datasource_read(site: Site, done: Rebuilt) -> Iterable[Dataset]:
    if not any(isinstance(each, DatasourceInput) for each in site.pipeline.inputs):
        return
    told = [site.standing("druid"), facets.schema(columns(site.pipeline))]
    if done.read:
        told.append(facets.segments("read", done.read, site.pipeline.source))
    yield Dataset(site.read, _joined(*told))


def _files_read(site: Site, done: Rebuilt) -> Iterable[Dataset]:
    fields = dict.fromkeys([FILE_TIME, *(each.name for each in site.pipeline.dimensions), *_metric_fields(site)], "")
    places = [of_folder(S3Uri.parse(path)) for each in site.pipeline.files for path in each.paths]
    places += [of_manifest(S3Uri.parse(uri)) for uri in done.manifests]
    file_format = next((each.format for each in site.pipeline.files), "")
    for name in dict.fromkeys(places):
        yield Dataset(name, _joined(site.standing("s3", file_format), facets.schema(fields)))


def _metric_fields(site: Site) -> list[str]:
    found = (_kind(metric).get("fieldName") for metric in site.pipeline.metrics)
    return [name for name in found if name]


def _origins(pipeline: Pipeline, inputs: Sequence[DatasetName], druid: str) -> dict[str, list[Origin]]:
    """What each column is made of: segments are combined by the column's own name, files read by the metric's field."""
    grain = "IDENTITY" if pipeline.granularity.query == "NONE" else "TRANSFORMATION"
    found: dict[str, list[Origin]] = {name: [] for name in columns(pipeline)}
    for name in inputs:
        stored = name.namespace == druid
        found[TIME].append(Origin(name, TIME if stored else FILE_TIME, grain))
        for dimension in pipeline.dimensions:
            found[dimension.name].append(Origin(name, dimension.name))
        for metric in pipeline.metrics:
            column = metric.name if stored else _kind(metric).get("fieldName")
            if column:
                found[metric.name].append(Origin(name, column, "AGGREGATION"))
    return found


def _kind(metric: Metric) -> dict[str, Any]:
    """The aggregator as the file has it; of a filtered one that which it filters for."""
    told = metric.model_dump()
    return dict(told["aggregator"]) if metric.type == "filtered" else told


def _type(aggregator: str) -> str:
    return next((kind for prefix, kind in _TYPES.items() if aggregator.startswith(prefix)), "")


def _files_left(site: Site, asked: Unload | Load, left: Left | None, *told: Facets) -> tuple[Dataset, ...]:
    if not left:
        return ()
    counts = facets.written(rows=left["rows"], size_bytes=left.get("size_bytes"), files=left["files"])
    more = (_manifest(site, left), facets.version([left["manifest_sha256"]]), facets.changed(facets.CREATE), counts)
    return (site.folder(of_manifest(S3Uri.parse(left["manifest_uri"])), asked, *told, *more),)


def _manifest(site: Site, left: Left) -> Facets:
    return facets.files(
        manifest_uri=left["manifest_uri"],
        manifest_sha256=left["manifest_sha256"],
        kms_key_arn=site.boundary.kms_key_arn,
    )


def _columns_read(origins: Iterable[Iterable[Origin]]) -> dict[DatasetName, list[str]]:
    found: dict[DatasetName, dict[str, None]] = {}
    for origin in (each for made in origins for each in made):
        found.setdefault(origin.dataset, {})[origin.column] = None
    return {name: [*columns] for name, columns in found.items()}


def _subtype(name: str, origin: str) -> str:
    return "IDENTITY" if name == origin else "TRANSFORMATION"


def _joined(*told: Facets) -> Facets:
    return {key: facet for each in told for key, facet in each.items()}
