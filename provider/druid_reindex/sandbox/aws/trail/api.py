"""What moto does not answer for CloudTrail: LookupEvents, ListPublicKeys, and a GetTrailStatus that is true.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.cloudtrail.models import cloudtrail_backends

from druid_reindex.sandbox.aws.gate import noted
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from druid_reindex.sandbox.aws.trail import lookup
from druid_reindex.sandbox.aws.trail.delivery import Progress
from druid_reindex.sandbox.aws.trail.lookup import Refused
from druid_reindex.sandbox.aws.trail.service import CloudTrail
from druid_reindex.sandbox.aws.wsgi import request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Json = dict[str, Any]

SERVICE = "cloudtrail"
_JSON = "application/x-amz-json-1.1"


class Api:
    """The middleware between the gate and moto."""

    def __init__(self, trail: CloudTrail) -> None:
        self._trail = trail
        self._limit = Limit()
        self._answers: dict[str, Callable[[str, Json], Json | None]] = {
            "LookupEvents": self._lookup,
            "ListPublicKeys": self._keys,
            "GetTrailStatus": self._status,
        }

    def __call__(self, inner: WSGIApplication) -> WSGIApplication:
        """Return `inner` with these answers before it."""

        def fronted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            note = noted.of(environ)
            answers = self._answers.get(note.operation) if note.service == SERVICE else None
            if answers is None:
                return inner(environ, start_response)
            region = note.signed.region if note.signed is not None else REGION
            try:
                answer = answers(region, dict(note.parameters))
            except Refused as refused:
                told = {"__type": refused.code, "message": refused.said, "Message": refused.said}
                return _answered("400 Bad Request", told, start_response)
            return inner(environ, start_response) if answer is None else _answered("200 OK", answer, start_response)

        return fronted

    def _lookup(self, region: str, asked: Json) -> Json:
        self._limit.take(region)
        return lookup.page(self._trail.spool.history(), lookup.query(region, asked))

    def _keys(self, region: str, asked: Json) -> Json:
        value, since, until = self._trail.delivery.signer.public_key(region)
        start, end = asked.get("StartTime", since.timestamp()), asked.get("EndTime", datetime.now(UTC).timestamp())
        if start > end:
            raise Refused("InvalidTimeRangeException", "The start time is after the end time.")
        if start > until.timestamp() or end < since.timestamp():
            return {"PublicKeyList": []}
        key = {
            "Value": base64.b64encode(value).decode(),
            "ValidityStartTime": since.timestamp(),
            "ValidityEndTime": until.timestamp(),
            "Fingerprint": self._trail.delivery.signer.fingerprint(region),
        }
        return {"PublicKeyList": [key]}

    def _status(self, region: str, asked: Json) -> Json | None:
        """The trail's status; None where there is no such trail, which moto says as AWS does."""
        wanted = asked.get("Name", "")
        known = cloudtrail_backends[ACCOUNT][region].describe_trails(include_shadow_trails=True)
        trail = next((each for each in known if wanted in {each.trail_name, each.arn}), None)
        if trail is None:
            return None
        return _status(trail.status, self._trail.delivery.progress.get(trail.arn) or Progress())


class Limit:
    """AWS's limit of LookupEvents: two in a second, for each Region."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._taken: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, region: str) -> None:
        """Return when the request is within the limit. Raises Refused."""
        with self._lock:
            taken, now = self._taken.setdefault(region, deque(maxlen=2)), self._now()
            if len(taken) == taken.maxlen and now - taken[0] < 1:
                raise Refused("ThrottlingException", "Rate exceeded")
            taken.append(now)


def _status(status: Any, progress: Progress) -> Json:
    started, stopped = (each.replace(tzinfo=UTC) if each else None for each in (status.started, status.stopped))
    moments = {
        "LatestDeliveryTime": progress.logs,
        "LatestDigestDeliveryTime": progress.digests,
        "StartLoggingTime": started,
        "StopLoggingTime": stopped,
    }
    texts = {
        "LatestDeliveryAttemptTime": progress.logs,
        "LatestDeliveryAttemptSucceeded": progress.logs,
        "TimeLoggingStarted": started,
        "TimeLoggingStopped": stopped,
    }
    errors = {"LatestDeliveryError": progress.error, "LatestDigestDeliveryError": progress.digest_error}
    return {
        "IsLogging": status.is_logging,
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        **{name: moment.timestamp() for name, moment in moments.items() if moment},
        **{name: moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else "" for name, moment in texts.items()},
        **{name: code for name, code in errors.items() if code},
    }


def _answered(status: str, answer: Json, start_response: StartResponse) -> Iterable[bytes]:
    headers: dict[str, str] = {}
    request_id(headers)
    content = json.dumps(answer).encode()
    length = ("Content-Length", str(len(content)))
    start_response(status, [*headers.items(), ("Content-Type", _JSON), length])
    return [content]
