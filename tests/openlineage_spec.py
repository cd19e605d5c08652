"""OpenLineage's schemas of release 2-0-2, written out from its documentation, and what is wrong with an event by them.

Facets are those that a night's events have; an event with another one does not pass, nor one whose ``_schemaURL`` names
no schema that is known here or shipped with ours.
Sources: https://openlineage.io/apidocs/openapi/ and https://openlineage.io/docs/spec/facets/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from druid_reindex.evidence.lineage_facets import SCHEMAS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
Schema = Mapping[str, Any]

TEXT, WHOLE, NUMBER, TRUTH = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
URI, INSTANT, UUID = ({"type": "string", "format": name} for name in ("uri", "date-time", "uuid"))


def record(required: str = "", **properties: Any) -> dict[str, Any]:
    """An object with these properties, of which the ``required`` ones (words) must be there."""
    return {"type": "object", "properties": properties, "required": required.split()}


def many(items: Any) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": items}


def mapping(values: Any) -> dict[str, Any]:
    """An object with any keys."""
    return {"type": "object", "additionalProperties": values}


def here(name: str) -> dict[str, str]:
    """Another definition of the core schema."""
    return {"$ref": f"{CORE}#/$defs/{name}"}


def extended(base: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """What extends another definition of the core schema."""
    return {"type": "object", "allOf": [here(base), part]}


_DELETED = record(_deleted=TRUTH)
_DATASET = {"namespace": TEXT, "name": TEXT, "facets": mapping(here("DatasetFacet"))}
_JOB = {"namespace": TEXT, "name": TEXT, "facets": mapping(here("JobFacet"))}
_RUN = {"runId": UUID, "facets": mapping(here("RunFacet"))}
CORE_DEFS: dict[str, Schema] = {
    "BaseEvent": record("eventTime producer schemaURL", eventTime=INSTANT, producer=URI, schemaURL=URI),
    "RunEvent": extended(
        "BaseEvent",
        record(
            "run job",
            eventType={"type": "string", "enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
            run=here("Run"),
            job=here("Job"),
            inputs=many(here("InputDataset")),
            outputs=many(here("OutputDataset")),
        ),
    ),
    "Run": record("runId", **_RUN),
    "Job": record("namespace name", **_JOB),
    "Dataset": record("namespace name", **_DATASET),
    "InputDataset": extended("Dataset", record(inputFacets=mapping(here("InputDatasetFacet")))),
    "OutputDataset": extended("Dataset", record(outputFacets=mapping(here("OutputDatasetFacet")))),
    "BaseFacet": record("_producer _schemaURL", _producer=URI, _schemaURL=URI),
    "RunFacet": extended("BaseFacet", {}),
    "JobFacet": extended("BaseFacet", _DELETED),
    "DatasetFacet": extended("BaseFacet", _DELETED),
    "InputDatasetFacet": extended("BaseFacet", {}),
    "OutputDatasetFacet": extended("BaseFacet", {}),
}

_OWNERS = record(owners=many(record("name", name=TEXT, type=TEXT)))
_TAG = {"key": TEXT, "value": TEXT, "source": TEXT}
_FIELD = record(
    "namespace name field",
    namespace=TEXT,
    name=TEXT,
    field=TEXT,
    transformations=many(
        record(
            "type",
            type={"type": "string", "enum": ["DIRECT", "INDIRECT"]},
            subtype=TEXT,
            description=TEXT,
            masking=TRUTH,
        )
    ),
)
_RUN_ID = record("runId", **_RUN)
_JOB_NAME = record("namespace name", **_JOB)
_COLUMN = record(
    nullCount=WHOLE, distinctCount=WHOLE, sum=NUMBER, count=NUMBER, min=NUMBER, max=NUMBER, quantiles=mapping(NUMBER)
)
_ASSERTION = record(
    "assertion success", assertion=TEXT, success=TRUTH, column=TEXT, severity=TEXT, name=TEXT, description=TEXT,
    expected=TEXT, actual=TEXT, content=TEXT, contentType=TEXT, params=mapping({}),
)  # fmt: skip
# By name and release: what a facet is of, and what it holds.
FACETS: dict[str, tuple[str, Schema]] = {
    "1-2-0/SchemaDatasetFacet": (
        "DatasetFacet",
        record(fields=many(record("name", name=TEXT, type=TEXT, description=TEXT, ordinal_position=WHOLE))),
    ),
    "1-2-0/ColumnLineageDatasetFacet": (
        "DatasetFacet",
        record("fields", fields=mapping(record("inputFields", inputFields=many(_FIELD))), dataset=many(_FIELD)),
    ),
    "1-0-1/OwnershipDatasetFacet": ("DatasetFacet", _OWNERS),
    "1-0-0/TagsDatasetFacet": ("DatasetFacet", record(tags=many(record("key value", **_TAG, field=TEXT)))),
    "1-0-1/StorageDatasetFacet": ("DatasetFacet", record("storageLayer", storageLayer=TEXT, fileFormat=TEXT)),
    "1-0-1/DatasetVersionDatasetFacet": ("DatasetFacet", record("datasetVersion", datasetVersion=TEXT)),
    "1-0-1/LifecycleStateChangeDatasetFacet": (
        "DatasetFacet",
        record(
            "lifecycleStateChange",
            lifecycleStateChange={
                "type": "string",
                "enum": ["ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"],
            },
            previousIdentifier=record("name namespace", name=TEXT, namespace=TEXT),
        ),
    ),
    "1-0-2/OutputStatisticsOutputDatasetFacet": (
        "OutputDatasetFacet",
        record(rowCount=WHOLE, size=WHOLE, fileCount=WHOLE),
    ),
    "1-0-3/DataQualityMetricsInputDatasetFacet": (
        "InputDatasetFacet",
        record("columnMetrics", rowCount=WHOLE, bytes=WHOLE, fileCount=WHOLE, columnMetrics=mapping(_COLUMN)),
    ),
    "1-1-0/DataQualityAssertionsDatasetFacet": (
        "InputDatasetFacet",
        record("assertions", assertions=many(_ASSERTION)),
    ),
    "1-2-0/ParentRunFacet": (
        "RunFacet",
        record("run job", run=_RUN_ID, job=_JOB_NAME, root=record("run job", run=_RUN_ID, job=_JOB_NAME)),
    ),
    "1-0-1/NominalTimeRunFacet": (
        "RunFacet",
        record("nominalStartTime", nominalStartTime=INSTANT, nominalEndTime=INSTANT),
    ),
    "1-1-1/ProcessingEngineRunFacet": (
        "RunFacet",
        record("version", version=TEXT, name=TEXT, openlineageAdapterVersion=TEXT),
    ),
    "1-0-1/ErrorMessageRunFacet": (
        "RunFacet",
        record("message programmingLanguage", message=TEXT, programmingLanguage=TEXT, stackTrace=TEXT),
    ),
    "1-0-0/TagsRunFacet": ("RunFacet", record(tags=many(record("key value", **_TAG)))),
    "1-0-1/OwnershipJobFacet": ("JobFacet", _OWNERS),
    "1-0-0/TagsJobFacet": ("JobFacet", record(tags=many(record("key value", **_TAG)))),
    "1-1-0/DocumentationJobFacet": ("JobFacet", record("description", description=TEXT, contentType=TEXT)),
    "2-0-4/JobTypeJobFacet": (
        "JobFacet",
        record("processingType integration", processingType=TEXT, integration=TEXT, jobType=TEXT),
    ),
}


def documents() -> Iterator[Schema]:
    """Every schema that is known: the core, its facets, and ours as they are shipped."""
    yield {"$schema": DIALECT, "$id": CORE, "$defs": CORE_DEFS, **here("RunEvent")}
    for release_and_name, (base, part) in FACETS.items():
        name = release_and_name.rpartition("/")[2]
        identifier = f"https://openlineage.io/spec/facets/{release_and_name}.json"
        yield {"$schema": DIALECT, "$id": identifier, "$defs": {name: extended(base, part)}}
    for file in sorted(SCHEMAS.glob("*.json")):
        yield json.loads(file.read_text(encoding="utf-8"))


@cache
def registry() -> Registry[Any]:
    """The schemas by their address."""
    found = [(document["$id"], Resource.from_contents(document)) for document in documents()]
    return Registry().with_resources(found)


def problems(event: Mapping[str, Any]) -> list[str]:
    """What is wrong with ``event``, by the core's schema and by that which each of its facets names."""
    found = _against(CORE, event, "event")
    for place, facet in _facets(event):
        found += _against(facet["_schemaURL"], facet, place)
    return found


def _facets(event: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for place in ("run", "job"):
        yield from ((f"{place}.{key}", facet) for key, facet in event[place].get("facets", {}).items())
    for side in ("inputs", "outputs"):
        for dataset in event.get(side, ()):
            for kind in ("facets", "inputFacets", "outputFacets"):
                yield from ((f"{side}.{key}", facet) for key, facet in dataset.get(kind, {}).items())


FORMATS = FormatChecker(formats=["uuid"])


@FORMATS.checks("uri")
def is_uri(value: Any) -> bool:
    """Whether it is a text with a scheme; jsonschema by itself looks at no address."""
    return not isinstance(value, str) or bool(re.match(r"[a-z][a-z0-9+.-]*:\S+$", value))


@FORMATS.checks("date-time", raises=ValueError)
def is_instant(value: Any) -> bool:
    """Whether it is a text with date, time and offset; jsonschema by itself looks at no instant."""
    return not isinstance(value, str) or ("T" in value and datetime.fromisoformat(value).tzinfo is not None)


def _against(url: str, value: Any, place: str) -> list[str]:
    schema = {"$schema": DIALECT, "$ref": url}
    validator = Draft202012Validator(schema, registry=registry(), format_checker=FORMATS)
    return [f"{place}: {error.json_path}: {error.message}" for error in validator.iter_errors(value)]
