"""The aggregators that a pipeline's metrics may use when Druid ingests, and their fields.

Those of Druid itself, of druid-datasketches and of druid-histogram. Left out are the ones that Druid computes at query
time only: ``…Any``, ``doubleMean``, ``cardinality``, ``grouping``, and ``First`` and ``Last`` of numbers, which release
25 cannot store.
Source: https://druid.apache.org/docs/25.0.0/querying/aggregations.html
Source: https://druid.apache.org/docs/25.0.0/development/extensions-core/datasketches-extension.html
Source: https://druid.apache.org/docs/25.0.0/development/extensions-core/approximate-histograms.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Aggregator:
    """The fields of one aggregator besides ``type`` and ``name``; of ``one_of`` exactly one is needed, unless empty."""

    one_of: tuple[str, ...] = ("fieldName",)
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that it knows."""
        return ("type", "name", *self.one_of, *self.required, *self.optional)


_NUMBERS = tuple(f"{kind}{what}" for kind in ("long", "float", "double") for what in ("Sum", "Min", "Max"))
_TEXTS = ("stringFirst", "stringLast", "stringFirstFold", "stringLastFold")
_HLL = Aggregator(optional=("lgK", "tgtHllType", "round", "shouldFinalize"))
_HISTOGRAM = Aggregator(optional=("resolution", "numBuckets", "lowerLimit", "upperLimit", "finalizeAsBase64Binary"))
_KLL = Aggregator(optional=("k", "maxStreamLength"))

AGGREGATORS: Mapping[str, Aggregator] = MappingProxyType(
    {name: Aggregator(("fieldName", "expression")) for name in _NUMBERS}
    | {name: Aggregator(optional=("timeColumn", "maxStringBytes")) for name in _TEXTS}
    | dict.fromkeys(("HLLSketchBuild", "HLLSketchMerge"), _HLL)
    | dict.fromkeys(("approxHistogram", "approxHistogramFold"), _HISTOGRAM)
    | dict.fromkeys(("KllDoublesSketch", "KllFloatsSketch"), _KLL)
    | {
        "count": Aggregator(one_of=()),
        "hyperUnique": Aggregator(optional=("isInputHyperUnique", "round")),
        "thetaSketch": Aggregator(optional=("size", "isInputThetaSketch", "shouldFinalize", "errorBoundsStdDev")),
        "quantilesDoublesSketch": Aggregator(optional=("k", "maxStreamLength", "shouldFinalize")),
        "arrayOfDoublesSketch": Aggregator(optional=("nominalEntries", "metricColumns", "numberOfValues")),
        "fixedBucketsHistogram": Aggregator(
            required=("lowerLimit", "upperLimit", "numBuckets"),
            optional=("outlierHandlingMode", "finalizeAsBase64Binary"),
        ),
        "filtered": Aggregator(one_of=(), required=("filter", "aggregator")),
    }
)
