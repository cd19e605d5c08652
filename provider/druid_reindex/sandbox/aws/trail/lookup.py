"""LookupEvents: pages of the event history, the newest first; management events alone.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Event.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]

MOST_RESULTS = 50
INSIGHT = "insight"
ATTRIBUTES = {
    "EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId",
}  # fmt: skip


class Refused(Exception):
    """CloudTrail refuses a request: its code and its sentence."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code, self.said = code, said


@dataclass(frozen=True)
class Query:
    """What is looked up in a Region; `after` is the id of the last event of the page before, empty for the first."""

    region: str
    start: float
    end: float
    key: str = ""
    value: str = ""
    results: int = MOST_RESULTS
    after: str = ""
    nothing: bool = False

    @property
    def digest(self) -> str:
        """What binds a page's token to its query."""
        text = json.dumps([self.region, self.start, self.end, self.key, self.value])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def wants(self, record: Json) -> bool:
        """Return whether the record is looked for."""
        if record["awsRegion"] != self.region:
            return False
        if not self.start <= datetime.fromisoformat(record["eventTime"]).timestamp() <= self.end:
            return False
        return not self.key or self.value in _values(_told(record), self.key)


def query(region: str, asked: Json) -> Query:
    """Return the query. Raises Refused for one that AWS does not take."""
    attributes = asked.get("LookupAttributes") or [{}]
    key, value = attributes[0].get("AttributeKey", ""), str(attributes[0].get("AttributeValue", ""))
    if len(attributes) > 1 or (key and key not in ATTRIBUTES):
        raise Refused("InvalidLookupAttributesException", "You can specify one lookup attribute of those supported.")
    results = asked.get("MaxResults", MOST_RESULTS)
    if not 1 <= results <= MOST_RESULTS:
        raise Refused("InvalidMaxResultsException", "A value for the MaxResults parameter must be between 1 and 50.")
    start, end = asked.get("StartTime", 0.0), asked.get("EndTime", float("inf"))
    if start > end:
        raise Refused("InvalidTimeRangeException", "The start time is after the end time.")
    made = Query(region, start, end, key, value, results, nothing=asked.get("EventCategory") == INSIGHT)
    token = asked.get("NextToken")
    return made if token is None else Query(region, start, end, key, value, results, _opened(token, made))


def page(history: Iterable[Json], wanted: Query) -> Json:
    """Return one page, and the token of the next one if there is more."""
    events: list[Json] = []
    is_after = not wanted.after
    for record in () if wanted.nothing else history:
        if not is_after:
            is_after = record["eventID"] == wanted.after
        elif wanted.wants(record):
            if len(events) == wanted.results:
                return {"Events": events, "NextToken": _token(str(events[-1]["EventId"]), wanted)}
            events.append(_told(record))
    return {"Events": events}


def _told(record: Json) -> Json:
    """The event as LookupEvents tells it: the record itself is in it, as text."""
    user = record["userIdentity"]
    resources = [{"ResourceType": each["type"], "ResourceName": each["ARN"]} for each in record.get("resources", ())]
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": str(record["readOnly"]).lower(),
        **({"AccessKeyId": user["accessKeyId"]} if user.get("accessKeyId") else {}),
        "EventTime": datetime.fromisoformat(record["eventTime"]).timestamp(),
        "EventSource": record["eventSource"],
        "Username": user.get("userName") or user.get("principalId", "").rpartition(":")[2],
        "Resources": resources,
        "CloudTrailEvent": json.dumps(record, separators=(",", ":")),
    }


def _values(event: Json, key: str) -> set[str]:
    if key.startswith("Resource"):
        return {each[key] for each in event["Resources"]}
    return {str(event.get(key, ""))}


def _token(last: str, wanted: Query) -> str:
    return base64.urlsafe_b64encode(json.dumps([last, wanted.digest]).encode()).decode()


def _opened(token: str, wanted: Query) -> str:
    try:
        last, digest = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        last, digest = "", ""
    if digest != wanted.digest:
        raise Refused("InvalidNextTokenException", "The token is invalid or belongs to another query.")
    return str(last)
