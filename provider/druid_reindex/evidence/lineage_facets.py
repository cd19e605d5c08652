"""The facets that the lineage of a night is told in: OpenLineage's own, and ours.

Ours begin with ``druid_reindex_``; their schemas lie in ``facets/``. A schema is never changed: it is named by its
version, and a test holds its digest. Columns, counts, identifiers and digests alone: no value of a row, no SQL.
Source: https://openlineage.io/docs/spec/facets/ and https://openlineage.io/docs/spec/facets/custom-facets
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from druid_reindex.evidence.lineage import DatasetName, Facets
from druid_reindex.model.identity import canonical, digest

SCHEMAS = Path(__file__).parent / "facets"
VERSION = "1-0-0"
NIGHT, SEGMENTS, FILES = "druid_reindex_night", "druid_reindex_segments", "druid_reindex_files"
FINDINGS, DISPOSAL = "druid_reindex_cloudTrailFindings", "druid_reindex_disposal"
MOST_IDS = 200
# TRUNCATE, the nearest that there is, stands for stored versions that are gone: by DROP a reader such as Marquez takes
# the datasource for deleted. Source: https://github.com/MarquezProject/marquez/pull/1847
OVERWRITE, CREATE, TRUNCATE = "OVERWRITE", "CREATE", "TRUNCATE"


@dataclass(frozen=True, slots=True)
class Origin:
    """A column that another one is made of, and how: ``subtype`` in the specification's words.

    Source: https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet
    """

    dataset: DatasetName
    column: str
    subtype: str = "IDENTITY"
    masking: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """How often one check of a column, or of the whole, was made, and how often it did not hold."""

    name: str
    column: str | None
    made: int
    failed: int


def schema_url(name: str) -> str:
    """The immutable address of our facet ``name``'s schema, which is shipped as ``facets/<name>.json``."""
    return f"urn:druid-reindex:facets:{VERSION}:{name}#/$defs/{name}"


def schema(columns: Mapping[str, str]) -> Facets:
    """The columns with their types; an empty type is not known."""
    fields = [{"name": name, "type": kind} if kind else {"name": name} for name, kind in columns.items()]
    return {"schema": {"fields": fields}} if fields else {}


def column_lineage(columns: Mapping[str, Iterable[Origin]]) -> Facets:
    """What each column is made of; one that is made of none is left out."""
    fields = {name: {"inputFields": [*map(_input_field, origins)]} for name, origins in columns.items()}
    known = {name: told for name, told in fields.items() if told["inputFields"]}
    return {"columnLineage": {"fields": known}} if known else {}


def standing(owner: str, classification: str, storage_layer: str, file_format: str = "") -> Facets:
    """Who answers for a dataset, whether it is protected health information, and what stores it."""
    storage = {"storageLayer": storage_layer} | ({"fileFormat": file_format} if file_format else {})
    owners = {"owners": [{"name": f"team:{owner}", "type": "OWNER"}]}
    return {"ownership": owners, **tagged(classification), "storage": storage}


def tagged(classification: str) -> Facets:
    """Whether a dataset is protected health information."""
    return {"tags": {"tags": [{"key": classification, "value": "true", "source": "druid-reindex"}]}}


def changed(how: str) -> Facets:
    """How the dataset as a whole has changed: ``CREATE``, ``OVERWRITE`` or ``TRUNCATE``."""
    return {"lifecycleStateChange": {"lifecycleStateChange": how}}


def version(versions: Sequence[str]) -> Facets:
    """The version of the dataset; nothing where its parts are of several."""
    return {"version": {"datasetVersion": versions[0]}} if len(versions) == 1 else {}


def written(*, rows: int | None = None, size_bytes: int | None = None, files: int | None = None) -> Facets:
    """How much was written; nothing where nothing is known."""
    counts = {"rowCount": rows, "size": size_bytes, "fileCount": files}
    known = {name: count for name, count in counts.items() if count is not None}
    return {"outputStatistics": known} if known else {}


def assertions(checks: Iterable[Check]) -> Facets:
    """What was checked of a dataset and whether it held; neither what was wanted nor what was found."""
    told = [
        {"assertion": check.name, "success": not check.failed, "severity": "error"}
        | ({"column": check.column} if check.column else {})
        | {"params": {"made": check.made, "failed": check.failed}}
        for check in checks
    ]
    return {"dataQualityAssertions": {"assertions": told}} if told else {}


def amount(*, rows: int, size_bytes: int, files: int) -> Facets:
    """How much of a dataset was judged."""
    return {"dataQualityMetrics": {"rowCount": rows, "bytes": size_bytes, "fileCount": files, "columnMetrics": {}}}


def segments(action: str, chunks: Mapping[str, Sequence[str]], datasource: str) -> Facets:
    """What was done with which segments of ``datasource``: ids by chunk, whose digest stands for those left out."""
    room, told = MOST_IDS, []
    for interval, ids in sorted(chunks.items()):
        told.append(_chunk(interval, sorted(ids), datasource, room))
        room = max(0, room - len(ids))
    left_out = sum(chunk["segments"] - len(chunk["ids"]) for chunk in told)
    versions = sorted({version for chunk in told for version in chunk["versions"]})
    return {SEGMENTS: {"action": action, "versions": versions, "chunks": told, "idsLeftOut": left_out}}


def served(action: str, chunks: Mapping[str, Mapping[str, Any]]) -> Facets:
    """What each chunk serves after ``action``: its ``versions`` and ``rows``."""
    told = [{"interval": chunk, "versions": each["versions"], "rows": each["rows"]} for chunk, each in chunks.items()]
    versions = sorted({version for each in chunks.values() for version in each["versions"]})
    return {SEGMENTS: {"action": action, "versions": versions, "chunks": told}}


def disposed(ids: Sequence[str], datasource: str, *, object_versions: int, record_uri: str) -> Facets:
    """Which segments of ``datasource`` are gone for good, by their versions and the digest of their ``ids``."""
    told = {
        "versions": sorted({_version(segment_id, datasource) for segment_id in ids}),
        "segments": len(ids),
        "sha256": digest(canonical(sorted(ids))),
        "objectVersions": object_versions,
        "recordUri": record_uri,
    }
    return {DISPOSAL: told}


def stored(action: str, versions: Sequence[str], kms_key_arns: Sequence[str]) -> Facets:
    """Of which versions the segments are, and under which KMS keys S3 has their objects."""
    return {SEGMENTS: {"action": action, "versions": [*versions], "chunks": [], "kmsKeyArns": [*kms_key_arns]}}


def files(*, manifest_uri: str, manifest_sha256: str, kms_key_arn: str) -> Facets:
    """By which manifest files belong together, and the key that each of them was found to be encrypted with."""
    return {FILES: {"manifestUri": manifest_uri, "manifestSha256": manifest_sha256, "kmsKeyArn": kms_key_arn}}


def night(**told: Any) -> Facets:
    """The night's identity and the task's own work in it; what is None is left out."""
    return {NIGHT: {name: value for name, value in told.items() if value is not None}}


def _input_field(origin: Origin) -> dict[str, Any]:
    how = {"type": "DIRECT", "subtype": origin.subtype, "masking": origin.masking}
    named = {"namespace": origin.dataset.namespace, "name": origin.dataset.name, "field": origin.column}
    return named | {"transformations": [how]}


def _chunk(interval: str, ids: list[str], datasource: str, room: int) -> dict[str, Any]:
    return {
        "interval": interval,
        "versions": sorted({_version(segment_id, datasource) for segment_id in ids}),
        "segments": len(ids),
        "sha256": digest(canonical(ids)),
        "ids": ids[:room],
    }


def _version(segment_id: str, datasource: str) -> str:
    """The version in Druid's id of a segment: datasource_start_end_version, and a partition number."""
    return segment_id.removeprefix(f"{datasource}_").split("_")[2]
