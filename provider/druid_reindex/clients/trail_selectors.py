"""Reads a trail's event selectors, basic and advanced, as far as what they choose can be said of a call beforehand.

A selector that chooses by anything else is refused: a guess would make a call that was never recorded look missing, or
one that was removed look as if it had never been recorded.
Sources: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.selectors import Selectors

OBJECT = "AWS::S3::Object"
_EVERY_BUCKET = "arn:aws:s3"


def read_selectors(answer: Mapping[str, Any], trail: str) -> Selectors:
    """What GetEventSelectors says. Raises ProtocolError where it says what is not understood here."""
    basic = [_basic(each, trail) for each in answer.get("EventSelectors") or ()]
    advanced = [_advanced(each, trail) for each in answer.get("AdvancedEventSelectors") or ()]
    return _together([*basic, *advanced])


def _together(found: Sequence[Selectors]) -> Selectors:
    """An event is recorded when any selector chooses it."""
    excluded = [each.excluded_sources for each in found if each.management]
    return Selectors(
        management=bool(excluded),
        excluded_sources=frozenset.intersection(*excluded) if excluded else frozenset(),
        s3_prefixes=tuple(prefix for each in found for prefix in each.s3_prefixes),
    )


def _basic(selector: Mapping[str, Any], trail: str) -> Selectors:
    if selector.get("ReadWriteType", "All") != "All":
        raise _unknown(trail, f"ReadWriteType {selector['ReadWriteType']}")
    chosen = [each["Values"] for each in selector.get("DataResources", ()) if each["Type"] == OBJECT]
    return Selectors(
        management=selector.get("IncludeManagementEvents", True),
        excluded_sources=frozenset(selector.get("ExcludeManagementEventSources", ())),
        s3_prefixes=tuple(_prefix(each) for values in chosen for each in values),
    )


def _advanced(selector: Mapping[str, Any], trail: str) -> Selectors:
    fields = {
        each["Field"]: {how: v for how, v in each.items() if how != "Field"} for each in selector["FieldSelectors"]
    }
    category = fields.pop("eventCategory", {})
    if category == {"Equals": ["Management"]}:
        sources = fields.pop("eventSource", {})
        excluded = sources.pop("NotEquals", ())
        _require_none(fields | ({"eventSource": sources} if sources else {}), trail)
        return Selectors(excluded_sources=frozenset(excluded))
    kind = fields.pop("resources.type", {})
    if category != {"Equals": ["Data"]} or kind != {"Equals": [OBJECT]}:
        return Selectors(management=False)
    arns = fields.pop("resources.ARN", {"StartsWith": [_EVERY_BUCKET]})
    starts: Iterable[str] = arns.pop("StartsWith", ())
    _require_none(fields | ({"resources.ARN": arns} if arns else {}), trail)
    return Selectors(management=False, s3_prefixes=tuple(map(_prefix, starts)))


def _prefix(arn: str) -> str:
    """``arn:aws:s3`` and ``arn:aws:s3:::`` both stand for every bucket."""
    return "arn:aws:s3:::" if arn in {_EVERY_BUCKET, "arn:aws:s3:::"} else arn


def _require_none(fields: Mapping[str, Any], trail: str) -> None:
    if fields:
        raise _unknown(trail, f"a choice by {', '.join(sorted(fields))}")


def _unknown(trail: str, came_back: str) -> ProtocolError:
    return ProtocolError(
        "read what a trail records",
        resource=trail,
        came_back=came_back,
        remedy="let the trail record reads and writes of all events of S3's objects below whole prefixes",
    )
