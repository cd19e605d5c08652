"""What Druid tells of an ingested datasource as the draft of a pipeline file.

Druid keeps the columns' names and types, but neither their aggregators nor roll-up: those are assumed, and said so.
Source: https://druid.apache.org/docs/25.0.0/querying/sql-metadata-tables.html#columns-table
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.interval import Granularity
from druid_reindex.model.pipeline_import import Draft, draft
from druid_reindex.model.segment import Segment

COLUMNS_SQL = (
    'SELECT "COLUMN_NAME", "DATA_TYPE" FROM INFORMATION_SCHEMA.COLUMNS '
    'WHERE "TABLE_SCHEMA" = \'druid\' AND "TABLE_NAME" = ? ORDER BY "ORDINAL_POSITION"'
)
_DIMENSIONS = {"VARCHAR": "string", "BIGINT": "long", "FLOAT": "float", "DOUBLE": "double"}
_METRICS = {
    "BIGINT": "longSum",
    "FLOAT": "floatSum",
    "DOUBLE": "doubleSum",
    "hyperUnique": "hyperUnique",
    "thetaSketch": "thetaSketch",
    "HLLSketch": "HLLSketchMerge",
    "quantilesDoublesSketch": "quantilesDoublesSketch",
    "arrayOfDoublesSketch": "arrayOfDoublesSketch",
    "KllDoublesSketch": "KllDoublesSketch",
    "KllFloatsSketch": "KllFloatsSketch",
    "approximateHistogram": "approxHistogramFold",
}
# A type is COMPLEX<arrayOfDoublesSketch>, or names the step that made it: COMPLEX<arrayOfDoublesSketchBuild>.
# Source: https://github.com/apache/druid/blob/25.0.0/extensions-core/datasketches/src/main/java/org/apache/druid/query/aggregation/datasketches/tuple/ArrayOfDoublesSketchModule.java
_COMPLEX = re.compile(r"COMPLEX<(\w+?)(?:Build|Merge)?>")


def from_datasource(
    datasource: str, columns: Mapping[str, str], segments: Sequence[Segment], *, classification: str, owner: str
) -> Draft:
    """The draft of a pipeline for ``datasource``: ``columns`` by name with SQL's types, ``segments`` the used ones.

    Raises ConfigurationError when Druid has no segments of it.
    """
    data = [segment for segment in segments if segment.shard_spec_type != "tombstone"]
    if not data or not columns:
        raise ConfigurationError(
            "make a pipeline",
            resource=f"datasource {datasource}",
            came_back="Druid serves no segment of it",
            remedy="check the name, or use --from-spec with its ingestion spec",
        )
    made = draft(datasource, classification=classification, owner=owner)
    metrics = {name for segment in data for name in segment.metrics}
    made.content.update(dimensions=[], metrics=[])
    for name, sql_type in columns.items():
        if name != "__time":
            _add_column(made, name, sql_type, is_metric=name in metrics)
    if not made.content["metrics"]:
        made.not_carried.append("metrics: there is none; Druid's Hadoop job needs one: add a metric of the segments")
    made.content["granularity"] = {"segment": _segment_granularity(made, data), "query": "NONE", "rollup": False}
    made.leave("granularity", "query, rollup", "segments do not tell; NONE and false are assumed")
    return made


def _add_column(made: Draft, name: str, sql_type: str, *, is_metric: bool) -> None:
    found = _METRICS.get(_COMPLEX.sub(r"\1", sql_type)) if is_metric else _DIMENSIONS.get(sql_type)
    if found is None:
        made.leave("columns", name, f"no pipeline's {'metric' if is_metric else 'dimension'} has the type {sql_type}")
    elif is_metric:
        made.content["metrics"].append({"type": found, "name": name, "fieldName": name})
        made.leave("metrics", name, f"{found} is assumed; compare it with the ingestion spec when roll-up is on")
    else:
        made.content["dimensions"].append(name if found == "string" else {"name": name, "type": found})


def _segment_granularity(made: Draft, segments: Sequence[Segment]) -> str:
    """The granularity that most segments have; DAY when they fit none."""
    intervals = [segment.interval for segment in segments]
    fits = Counter(each for span in intervals for each in Granularity if each.chunk(span.start) == span)
    if sum(fits.values()) < len(intervals) or len(fits) > 1:
        made.leave("granularity", "segment", "segments differ, or span no whole hour, day, week, month or year")
    return fits.most_common(1)[0][0].value if fits else Granularity.DAY.value
