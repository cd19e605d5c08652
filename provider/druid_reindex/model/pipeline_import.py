"""A Druid ingestion spec as the draft of a pipeline file, with the list of what a pipeline does not carry.

Takes Hadoop, native and streaming specs, with ``parser`` (before release 0.17) or without.
Source: https://druid.apache.org/docs/25.0.0/ingestion/ingestion-spec.html
Source: https://druid.apache.org/docs/25.0.0/ingestion/hadoop.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.aggregators import AGGREGATORS
from druid_reindex.model.interval import Granularity
from druid_reindex.model.pipeline import Classification, Dimension, GranularitySpec, Partitioning

_PERIODS = {
    "PT1S": "SECOND", "PT1M": "MINUTE", "PT15M": "FIFTEEN_MINUTE", "PT30M": "THIRTY_MINUTE", "PT1H": "HOUR",
    "P1D": "DAY", "P7D": "WEEK", "P1W": "WEEK", "P1M": "MONTH", "P1Y": "YEAR",
}  # fmt: skip
_TARGET_ROWS = ("targetRowsPerSegment", "targetPartitionSize", "maxRowsPerSegment", "maxPartitionSize")
_UTC = {None, "UTC", "Etc/UTC", "Z"}
_WHY = {
    "timestampSpec": "segments hold __time already",
    "transformSpec": "rows of segments are transformed already; new files would not be",
    "flattenSpec": "rows of segments are flat already",
    "parseSpec": "how files are read; segments are not parsed",
    "parser": "how files are read; segments are not parsed",
    "inputFormat": "how files are read; segments are not parsed",
    "metadataUpdateSpec": "the metadata store is named by the boundary (metadata_secret_id)",
    "segmentOutputPath": "deep storage is named by the boundary (segments_uri)",
    "jobProperties": "Hadoop properties belong to the cluster profile (job.properties)",
    "intervals": "each night plans its own time chunks within lookback",
    "numShards": "planned each night from the target size",
}
_NO_FIELD = "a pipeline has no such field"


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of a pipeline file, and a line on each thing that it could not carry over or had to assume."""

    content: dict[str, Any]
    not_carried: list[str] = field(default_factory=list)

    def leave(self, place: str, name: str, why: str = "") -> None:
        """Note that ``name`` of ``place`` stays behind; values are never quoted, since specs hold passwords."""
        self.not_carried.append(f"{place}.{name}: {why or _WHY.get(name, _NO_FIELD)}".removeprefix("."))

    def leave_all(self, place: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
        """Note all that ``values`` holds besides what is ``known``."""
        for name in values:
            if name not in known and values[name] not in (None, {}, []):
                self.leave(place, name)


def draft(datasource: str, *, classification: str, owner: str) -> Draft:
    """A draft without columns: the datasource, who it belongs to, and its own segments as input.

    Protected health information is drafted for the shipped profile that has a security configuration.
    """
    made: dict[str, Any] = {
        "datasource": datasource,
        "classification": classification,
        "owner": owner,
        "description": f"Rows of {datasource}.",
        "inputs": [{"type": "datasource"}],
    }
    return Draft(made | ({"cluster": {"profile": "secure"}} if classification == Classification.PHI.value else {}))


def from_spec(spec: Mapping[str, Any], *, classification: str, owner: str) -> Draft:
    """The draft of a pipeline that rebuilds what ``spec`` ingests. Raises ConfigurationError when that cannot be."""
    body = _mapping(spec.get("spec")) or spec
    schema = _mapping(body.get("dataSchema"))
    datasource = schema.get("dataSource")
    if not isinstance(datasource, str) or not datasource:
        raise _unusable(
            "it has no dataSchema.dataSource", "name the JSON file of an ingestion task, supervisor or spec"
        )
    made = draft(datasource, classification=classification, owner=owner)
    made.leave_all("", spec, {"type", "id", "spec", "dataSchema", "ioConfig", "tuningConfig"})
    _add_dimensions(made, schema)
    _add_metrics(made, schema.get("metricsSpec") or [])
    _add_granularity(made, _mapping(schema.get("granularitySpec")))
    known = {"dataSource", "dimensionsSpec", "metricsSpec", "granularitySpec", "parser"}
    made.leave_all("dataSchema", schema, known)
    _leave_inputs(made, _mapping(body.get("ioConfig")))
    tuning = _mapping(body.get("tuningConfig"))
    _add_partitioning(made, _mapping(tuning.get("partitionsSpec")))
    made.leave_all("tuningConfig", tuning, {"type", "partitionsSpec"})
    return made


def _add_dimensions(made: Draft, schema: Mapping[str, Any]) -> None:
    parser = _mapping(schema.get("parser"))
    parse_spec = _mapping(parser.get("parseSpec"))
    spec = _mapping(schema.get("dimensionsSpec")) or _mapping(parse_spec.get("dimensionsSpec"))
    kept = [each for entry in spec.get("dimensions") or [] if (each := _dimension(made, entry)) is not None]
    if not kept:
        raise _unusable(
            "it names no dimension that a pipeline can carry, so Druid discovers them from the rows",
            "make the pipeline from what was ingested: druid-reindex pipeline init --from-datasource NAME",
        )
    made.content["dimensions"] = kept
    made.leave_all("dimensionsSpec", spec, {"dimensions"})
    made.leave_all("parser", parser, {"type", "parseSpec"})
    made.leave_all("parseSpec", parse_spec, {"dimensionsSpec"})


def _dimension(made: Draft, entry: Any) -> str | dict[str, str] | None:
    if isinstance(entry, str):
        return entry
    column = _mapping(entry)
    name, kind = str(column.get("name", "")), str(column.get("type", "string")).lower()
    if not name or kind not in _choices(Dimension, "type"):
        made.leave("dimensions", name or "(without a name)", f"type {kind} is none of string, long, float, double")
        return None
    made.leave_all(f"dimensions.{name}", column, {"type", "name"})
    return name if kind == "string" else {"name": name, "type": kind}


def _add_metrics(made: Draft, metrics: Iterable[Any]) -> None:
    kept = made.content["metrics"] = [each for entry in metrics if (each := _metric(made, _mapping(entry)))]
    if not kept:
        made.not_carried.append("metrics: there is none; Druid's Hadoop job needs one: add a metric of the segments")


def _metric(made: Draft, entry: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(entry.get("type"))
    name = entry.get("name") or _mapping(entry.get("aggregator")).get("name")
    aggregator = AGGREGATORS.get(kind)
    if aggregator is None or not name:
        made.leave("metricsSpec", str(name), f"{kind} is no aggregator of a pipeline")
        return {}
    made.leave_all(f"metricsSpec.{name}", entry, aggregator.fields)
    given = {key: value for key, value in entry.items() if key in aggregator.fields and value is not None}
    return {"type": kind, "name": name} | given


def _add_granularity(made: Draft, spec: Mapping[str, Any]) -> None:
    """Roll-up is on in Druid when a spec does not say."""
    segment = _granularity(spec.get("segmentGranularity", "DAY"))
    query = _granularity(spec.get("queryGranularity", "NONE"))
    if segment not in set(Granularity):
        made.leave("granularitySpec", "segmentGranularity", "a pipeline's is HOUR, DAY, WEEK, MONTH or YEAR; DAY now")
        segment = "DAY"
    if query not in _choices(GranularitySpec, "query"):
        made.leave("granularitySpec", "queryGranularity", "a pipeline has none like it; NONE now")
        query = "NONE"
    made.content["granularity"] = {"segment": segment, "query": query, "rollup": bool(spec.get("rollup", True))}
    made.leave_all("granularitySpec", spec, {"type", "segmentGranularity", "queryGranularity", "rollup"})


def _granularity(value: Any) -> str:
    """The name of a granularity that Druid writes as a name, a period or ``{type: none}``; else an empty text."""
    if isinstance(value, str):
        return _PERIODS.get(value.upper(), value.upper())
    spec = _mapping(value)
    if spec.get("type") == "period" and spec.get("timeZone") in _UTC and spec.get("origin") is None:
        return _PERIODS.get(str(spec.get("period")), "")
    return "NONE" if spec.get("type") == "none" else ""


def _leave_inputs(made: Draft, io: Mapping[str, Any]) -> None:
    made.leave_all("ioConfig", io, {"type", "inputSpec"})
    spec = _mapping(io.get("inputSpec"))
    for child in map(_mapping, spec.get("children") or [spec]):
        kind = child.get("type")
        source = _mapping(child.get("ingestionSpec")).get("dataSource")
        if kind == "dataSource" and source == made.content["datasource"]:
            made.leave_all("inputSpec.ingestionSpec", _mapping(child["ingestionSpec"]), {"dataSource", "intervals"})
        elif kind == "dataSource":
            made.leave("inputSpec", "dataSource", "another datasource; a pipeline is rebuilt from its own segments")
        elif kind:
            made.leave("inputSpec", str(kind), "files; a pipeline is rebuilt from its own segments")


def _add_partitioning(made: Draft, spec: Mapping[str, Any]) -> None:
    place = "partitionsSpec"
    kept: dict[str, Any] = {}
    low, high = _bounds()
    named = [name for name in _TARGET_ROWS if spec.get(name) not in (None, -1)]
    for name in named[:1]:
        if isinstance(spec[name], int) and low <= spec[name] <= high:
            kept["target_rows_per_segment"] = spec[name]
        else:
            made.leave(place, name, f"a pipeline's is a number from {low} to {high}")
    if spec.get("type") in {"hashed", None}:
        _add_hashed(made, spec, kept)
    else:
        made.leave(place, str(spec["type"]), "segments are hashed by all dimensions instead")
    if kept:
        made.content["partitioning"] = kept
    ranged = {"partitionDimension", "targetPartitionSize", "assumeGrouped"}
    made.leave_all(place, spec, {"type", "partitionDimensions", *named[:1], *ranged})


def _add_hashed(made: Draft, spec: Mapping[str, Any], kept: dict[str, Any]) -> None:
    columns = {each if isinstance(each, str) else each["name"] for each in made.content["dimensions"]}
    wanted = spec.get("partitionDimensions") or []
    if columns.issuperset(wanted):
        kept |= {"partition_dimensions": list(wanted)} if wanted else {}
    else:
        made.leave("partitionsSpec", "partitionDimensions", "it names what is none of the dimensions")


def _bounds() -> tuple[int, int]:
    schema = Partitioning.model_json_schema()["properties"]["target_rows_per_segment"]
    return schema["minimum"], schema["maximum"]


def _choices(kind: type[Dimension] | type[GranularitySpec], name: str) -> list[str]:
    choices: list[str] = kind.model_json_schema()["properties"][name]["enum"]
    return choices


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _unusable(came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError("make a pipeline", resource="the ingestion spec", came_back=came_back, remedy=remedy)
