"""Which records a trail wants: its basic or its advanced event selectors.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from druid_reindex.sandbox.aws.trail.events import MANAGEMENT
from druid_reindex.sandbox.aws.trail.record import Recorded

# A trail without selectors of its own has this one.
DEFAULT = ({"ReadWriteType": "All", "IncludeManagementEvents": True},)
# Services that have no Region, whose events a trail of one Region takes only when it is told to.
GLOBAL = frozenset({"iam.amazonaws.com", "sts.amazonaws.com", "cloudfront.amazonaws.com"})
_TESTS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "Equals": (str.__eq__, True),
    "StartsWith": (str.startswith, True),
    "EndsWith": (str.endswith, True),
    "NotEquals": (str.__eq__, False),
    "NotStartsWith": (str.startswith, False),
    "NotEndsWith": (str.endswith, False),
}


def wants(trail: Any, recorded: Recorded) -> bool:
    """Return whether moto's trail logs the record now; the event that stops it is its last."""
    is_last = _stops(trail, recorded.record)
    if not (trail.status.is_logging or is_last) or not _covers(trail, recorded.record):
        return False
    basic, advanced = trail.get_event_selectors()
    if not basic and advanced:
        return any(_advanced(each["FieldSelectors"], recorded) for each in advanced)
    return any(_basic(each, recorded) for each in basic or DEFAULT)


def _stops(trail: Any, record: Mapping[str, Any]) -> bool:
    asked = record["requestParameters"] or {}
    is_stop = record["eventName"] == "StopLogging" and "errorCode" not in record
    return is_stop and asked.get("name") in {trail.trail_name, trail.arn}


def _covers(trail: Any, record: Mapping[str, Any]) -> bool:
    if trail.is_multi_region:
        return True
    if record["eventSource"] in GLOBAL and not trail.include_global_service_events:
        return False
    return bool(trail.region_name == record["awsRegion"])


def _basic(selector: Mapping[str, Any], recorded: Recorded) -> bool:
    wanted = selector.get("ReadWriteType", "All")
    if wanted != "All" and (wanted == "ReadOnly") != recorded.record["readOnly"]:
        return False
    if recorded.kind == MANAGEMENT:
        excluded = selector.get("ExcludeManagementEventSources") or ()
        return bool(selector.get("IncludeManagementEvents", True)) and recorded.record["eventSource"] not in excluded
    return any(
        each["Type"] == recorded.kind and any(_holds(value, recorded.subject) for value in each["Values"])
        for each in selector.get("DataResources") or ()
    )


def _holds(value: str, subject: str) -> bool:
    """Whether the ARN, or its beginning, stands for the subject: every bucket's, one bucket's, or a prefix's."""
    return subject.startswith(value)


def _advanced(fields: Iterable[Mapping[str, Any]], recorded: Recorded) -> bool:
    return all(_field(each, recorded) for each in fields)


def _field(field: Mapping[str, Any], recorded: Recorded) -> bool:
    found = _value(field["Field"], recorded)
    for name, (test, wanted) in _TESTS.items():
        values = field.get(name)
        if values and any(test(found, each) for each in values) is not wanted:
            return False
    return True


def _value(name: str, recorded: Recorded) -> str:
    match name:
        case "resources.type":
            return "" if recorded.kind == MANAGEMENT else recorded.kind
        case "resources.ARN":
            return recorded.subject
        case "userIdentity.arn":
            return str(recorded.record["userIdentity"].get("arn", ""))
        case "readOnly":
            return str(recorded.record["readOnly"]).lower()
    return str(recorded.record.get(name, ""))
