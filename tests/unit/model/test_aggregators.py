"""The aggregators of a pipeline's metrics."""

from __future__ import annotations

import pytest

from druid_reindex.model.aggregators import AGGREGATORS


def test_the_ones_of_druid_and_of_two_extensions_are_there() -> None:
    assert {"count", "longSum", "doubleMax", "hyperUnique", "stringLast", "filtered"} <= AGGREGATORS.keys()
    assert {"thetaSketch", "HLLSketchBuild", "HLLSketchMerge", "quantilesDoublesSketch"} <= AGGREGATORS.keys()
    assert {"approxHistogram", "approxHistogramFold", "fixedBucketsHistogram"} <= AGGREGATORS.keys()


@pytest.mark.parametrize("name", ["doubleMean", "cardinality", "longAny", "grouping", "longFirst", "floatLast"])
def test_what_druid_25_does_not_store_is_not_there(name: str) -> None:
    assert name not in AGGREGATORS


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
def test_each_needs_a_column_but_those_that_count_or_filter(name: str) -> None:
    aggregator = AGGREGATORS[name]
    assert ("fieldName" in aggregator.one_of) == (name not in {"count", "filtered"})
    assert aggregator.fields[:2] == ("type", "name")
    assert len(set(aggregator.fields)) == len(aggregator.fields)
