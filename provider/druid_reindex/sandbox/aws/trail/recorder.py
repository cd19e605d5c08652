"""The middleware that sees each request with its answer, and keeps what trails and the event history want of it.

A record is on disk before the client has its answer.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from moto.cloudtrail.models import cloudtrail_backends

from druid_reindex.sandbox.aws.gate import noted
from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.operations import Check
from druid_reindex.sandbox.aws.site import ACCOUNT
from druid_reindex.sandbox.aws.trail import objects, record, selectors
from druid_reindex.sandbox.aws.trail.events import MANAGEMENT
from druid_reindex.sandbox.aws.trail.record import Recorded, Seen
from druid_reindex.sandbox.aws.trail.spool import Spool, Waiting
from druid_reindex.sandbox.aws.wsgi import request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BAD = 400
CLOUDTRAIL = "cloudtrail"
# For how long S3 keeps a bucket's key for one requester. AWS says that the time is limited, and not how.
BUCKET_KEY_SECONDS = 300.0
MOST_BUCKET_KEYS = 10_000
_encode = msgspec.json.Encoder().encode


class Recorder:
    """The outermost middleware; `late_seconds` is by how much a record may be late in its delivery.

    `after` is called when the records of a request to CloudTrail itself have been kept.
    """

    def __init__(self, spool: Spool, *, late_seconds: float = 0.0, now: Callable[[], datetime] | None = None) -> None:
        self.late_seconds = late_seconds
        self.after: Callable[[Seen], None] | None = None
        self._spool = spool
        self._now = now or (lambda: datetime.now(UTC))
        self._random = random.Random()  # noqa: S311 - lateness is no secret
        self._bucket_keys: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def __call__(self, inner: WSGIApplication) -> WSGIApplication:
        """Return `inner` with a record of what it answers."""

        def recorded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            answered = _Answered(environ, start_response)
            body = inner(environ, answered)
            return self._kept(environ, answered, body)

        return recorded

    def keep(self, *found: Recorded, quiet: bool = False) -> None:
        """Keep records for the trails that want them and, management events, for LookupEvents."""
        due = time.time() + self._random.uniform(0, self.late_seconds)
        known = trails()
        waiting: list[Waiting] = []
        history: list[bytes] = []
        for each in found:
            made, text = each.record, _encode(each.record)
            if each.kind == MANAGEMENT:
                history.append(text)
            waiting += [
                Waiting(due, trail.arn, made["awsRegion"], quiet, made["eventTime"], text)
                for trail in known
                if selectors.wants(trail, each)
            ]
        self._spool.keep(waiting, history)

    def _kept(self, environ: WSGIEnvironment, answered: _Answered, body: Iterable[bytes]) -> Iterable[bytes]:
        note = noted.of(environ)
        if note.caller is None:
            return body
        seen = Seen(Incoming(environ), note, answered.status, answered.headers, b"", self._now())
        if answered.status >= BAD or seen.event.answer:
            content = b"".join(body)
            getattr(body, "close", lambda: None)()
            body, seen = [content], Seen(seen.incoming, note, seen.status, seen.headers, content, seen.at)
        note.asked = [each for each in note.asked if self._is_used(seen, each)]
        self.keep(*record.records(seen))
        if self.after is not None and note.service == CLOUDTRAIL:
            self.after(seen)
        return body

    def _is_used(self, seen: Seen, asked: tuple[Check, str]) -> bool:
        """Whether KMS itself is asked: not for a bucket's key that S3 still has for this requester.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
        """
        check, said = asked
        arn = check.context.get("kms:encryptioncontext:aws:s3:arn", ("",))[0]
        if said or not arn or "/" in arn:
            return True
        assert seen.noted.caller is not None
        held, now = (seen.noted.caller.principal.identity, check.action, check.resource, arn), time.monotonic()
        with self._lock:
            is_new = now - self._bucket_keys.get(held, -BUCKET_KEY_SECONDS) >= BUCKET_KEY_SECONDS
            if is_new:
                if len(self._bucket_keys) >= MOST_BUCKET_KEYS:
                    self._bucket_keys.clear()
                self._bucket_keys[held] = now
        return is_new


class _Answered:
    """The start of an answer, passed on with the ids that AWS's answers have."""

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._environ, self._start = environ, start_response
        self.status = 0
        self.headers: dict[str, str] = {}

    def __call__(self, status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
        self.status = int(status.partition(" ")[0])
        self.headers = {name.lower(): str(value) for name, value in headers}
        added: dict[str, str] = {}
        if "x-amzn-requestid" not in self.headers and "x-amz-request-id" not in self.headers:
            request_id(added)
        if noted.of(self._environ).call is not None:
            added["x-amz-id-2"] = objects.extended_id(self.headers.get("x-amz-request-id", ""))
        self.headers |= added
        return self._start(status, [*headers, *added.items()], *more)


def trails() -> list[Any]:
    """Return moto's trails of every Region."""
    return [trail for backend in cloudtrail_backends[ACCOUNT].values() for trail in list(backend.trails.values())]
