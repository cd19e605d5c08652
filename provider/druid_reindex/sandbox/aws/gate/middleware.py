"""The gate: authenticates each request, decides, records, and answers or passes on.

Observing, it decides and records and lets every request pass; enforcing, it refuses. What KMS would refuse S3 (a key
that does not exist, or is disabled) is refused either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import xmltodict

from druid_reindex.sandbox.aws.gate import (
    authorisation,
    calls,
    databases,
    encryption,
    identities,
    noted,
    objects,
    operations,
    refusals,
    sealed,
)
from druid_reindex.sandbox.aws.gate import signatures as sigv4
from druid_reindex.sandbox.aws.gate.authorisation import Context, Judged
from druid_reindex.sandbox.aws.gate.encryption import KeyUnusable
from druid_reindex.sandbox.aws.gate.identities import ANONYMOUS, Caller
from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.objects import MULTIPART_DELETE, ObjectCall
from druid_reindex.sandbox.aws.gate.operations import Check, Owner
from druid_reindex.sandbox.aws.gate.records import Records
from druid_reindex.sandbox.aws.gate.refusals import Protocol, Refusal
from druid_reindex.sandbox.aws.gate.signatures import Fault, SignatureError, Signed
from druid_reindex.sandbox.aws.iam.decisions import Outcome, Request
from druid_reindex.sandbox.aws.iam.replay import Recorded
from druid_reindex.sandbox.aws.wsgi import request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

S3 = "s3"
READS = {"GetObject", "HeadObject"}
UNKNOWN = "an operation that the sandbox's table of actions does not have"


@dataclass(frozen=True)
class Asked:
    """A request that has been read: whose it is, what it asks, and what its context says."""

    incoming: Incoming
    protocol: Protocol
    service: str
    caller: Caller
    about: Context


class Gate:
    """The middleware before moto."""

    def __init__(self, records: Records, *, enforcing: bool, now: Callable[[], datetime] | None = None) -> None:
        self._records = records
        self._enforcing = enforcing
        self._now = now or (lambda: datetime.now(UTC))

    def __call__(self, inner: WSGIApplication) -> WSGIApplication:
        """Return `inner` behind the gate."""

        def gated(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            incoming = Incoming(environ)
            asked = self._asked(incoming)
            if isinstance(asked, Refusal):
                return _refused(_protocol(incoming, None), asked, incoming, start_response)
            if asked.protocol is Protocol.S3:
                return self._s3(asked, inner, start_response)
            return self._service(asked, inner, start_response)

        return gated

    def _asked(self, incoming: Incoming) -> Asked | Refusal:
        """The request with who sent it; observing, a sender who is not known passes as nobody."""
        now = self._now()
        signed: Signed | None = None
        caller = ANONYMOUS
        note = noted.of(incoming.environ)
        try:
            signed = sigv4.read(incoming)
            caller = identities.caller(signed.access_key_id, signed.token, now)
            sigv4.verify(signed, incoming, caller.secret, now)
            note.signed, note.caller = signed, caller
        except SignatureError as error:
            protocol = _protocol(incoming, signed)
            if error.fault is not Fault.MISSING or protocol is not Protocol.S3:
                self._note_unsigned(incoming, error.fault, now)
                if self._enforcing:
                    return refusals.unsigned(protocol, error.fault)
            else:
                note.caller = ANONYMOUS
        protocol = _protocol(incoming, signed)
        about = authorisation.surroundings(incoming, signed, now)
        if protocol is Protocol.S3:
            about |= authorisation.s3_surroundings(incoming, signed, now)
        return Asked(incoming, protocol, calls.service(signed.service) if signed else "", caller, about)

    def _service(self, asked: Asked, inner: WSGIApplication, start_response: StartResponse) -> Iterable[bytes]:
        incoming = asked.incoming
        operation, parameters = calls.read(incoming)
        note = noted.of(incoming.environ)
        note.service, note.operation, note.parameters = asked.service, operation, parameters
        checks = operations.checks(asked.service, operation, parameters)
        if checks is not None and asked.service == sealed.SERVICE:
            checks += sealed.checks(operation, parameters)
        if checks is not None and asked.service == databases.SERVICE:
            checks = databases.with_owner([*checks, *databases.checks(operation, parameters)], parameters)
        said = self._denial(asked, checks, f"{asked.service}:{operation}")
        if said is not None and self._enforcing:
            return _refused(asked.protocol, refusals.denied(asked.protocol, said), incoming, start_response)
        return inner(incoming.environ, start_response)

    def _s3(self, asked: Asked, inner: WSGIApplication, start_response: StartResponse) -> Iterable[bytes]:
        incoming = asked.incoming
        call = objects.read(incoming)
        noted.of(incoming.environ).call = call
        if call.operation == MULTIPART_DELETE:
            return self._deletions(asked, call, inner, start_response)
        asked = replace(asked, about={**asked.about, **encryption.upload_keys(call)})
        checks = [*call.checks(), *_existence(call)] if call.operation else None
        said = self._denial(asked, checks, f"s3:{call.operation or incoming.method}")
        refusal = refusals.denied(Protocol.S3, said) if said is not None and self._enforcing else None
        if refusal is None:
            refusal = self._keys(asked, call)
        if refusal is not None:
            return _refused(Protocol.S3, refusal, incoming, start_response)
        return inner(incoming.environ, start_response)

    def _keys(self, asked: Asked, call: ObjectCall) -> Refusal | None:
        """What KMS says to S3 about the keys of a request that S3 itself allows."""
        try:
            said = self._denial(asked, list(encryption.checks(call)), f"s3:{call.operation}")
        except KeyUnusable as error:
            noted.of(asked.incoming.environ).asked.append((error.check, error.said))
            return Refusal(error.code, HTTPStatus.BAD_REQUEST, error.said)
        return refusals.denied(Protocol.S3, said) if said is not None and self._enforcing else None

    def _denial(self, asked: Asked, checks: list[Check] | None, operation: str) -> str | None:
        """The sentence of the first refusal; None when all is allowed. Every check up to there is recorded."""
        if checks is None:
            return self._note_unknown(asked, operation)
        for check in checks:
            if check.action in authorisation.FREE:
                continue
            judged = authorisation.judge(asked.caller, check, asked.about, operation)
            self._records.keep(judged.recorded, judged.documents)
            noted.of(asked.incoming.environ).asked.append((check, judged.recorded.said))
            if not judged.decision.allowed:
                return judged.recorded.said
        return None

    def _deletions(
        self, asked: Asked, call: ObjectCall, inner: WSGIApplication, start_response: StartResponse
    ) -> Iterable[bytes]:
        """DeleteObjects: what may not be deleted is told in the answer, the rest is deleted.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        denied: list[tuple[dict[str, str], Judged]] = []
        for each, check in zip(call.deleted, call.checks(), strict=True):
            judged = authorisation.judge(asked.caller, check, asked.about, f"s3:{call.operation}")
            self._records.keep(judged.recorded, judged.documents)
            if not judged.decision.allowed:
                denied.append((each, judged))
        if not denied or not self._enforcing:
            return inner(call.incoming.environ, start_response)
        left = [each for each in call.deleted if all(each is not refused for refused, _ in denied)]
        errors = [{**each, "Code": "AccessDenied", "Message": judged.recorded.said} for each, judged in denied]
        if not left:
            return _deleted({"DeleteResult": {"Error": errors}}, start_response)
        call.incoming.replace_body(xmltodict.unparse({"Delete": {"Object": left}}).encode())
        answered = xmltodict.parse(b"".join(inner(call.incoming.environ, lambda *_: bytearray().extend)))
        answered["DeleteResult"]["Error"] = errors
        return _deleted(answered, start_response)

    def _note_unknown(self, asked: Asked, operation: str) -> str:
        said = f"User: {asked.caller.principal} is not authorized to perform: {operation} because it is {UNKNOWN}"
        self._note(operation, Request(asked.caller.principal, operation, "*", asked.about), said)
        return said

    def _note_unsigned(self, incoming: Incoming, fault: Fault, now: datetime) -> None:
        about = authorisation.surroundings(incoming, None, now)
        request = Request(ANONYMOUS.principal, "authenticate", incoming.path, about)
        self._note(f"{incoming.method} {incoming.path}", request, f"the request's signature: {fault}")

    def _note(self, operation: str, request: Request, said: str) -> None:
        at = request.context["aws:currenttime"][0]
        self._records.keep(Recorded(operation, request, Outcome.IMPLICIT_DENY, at=at, said=said), {})


def _existence(call: ObjectCall) -> Iterator[Check]:
    """Who reads what is not there learns that only with permission to list the bucket.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (permissions)
    """
    missing = encryption.stored_object(call.bucket, call.key, call.incoming.arguments.get("versionId")) is None
    if call.operation in READS and missing and encryption.bucket(call.bucket) is not None:
        arn = objects.bucket_arn(call.bucket)
        yield Check("s3:ListBucket", arn, {}, Owner.BUCKET, arn)


def _protocol(incoming: Incoming, signed: Signed | None) -> Protocol:
    if signed is not None and signed.service == S3:
        return Protocol.S3
    if calls.speaks_json(incoming):
        return Protocol.JSON
    if signed is not None and signed.service == "ec2":
        return Protocol.EC2
    return Protocol.QUERY if signed is not None or calls.is_query(incoming) else Protocol.S3


def _refused(
    protocol: Protocol, refusal: Refusal, incoming: Incoming, start_response: StartResponse
) -> Iterable[bytes]:
    headers: dict[str, str] = {}
    noted.of(incoming.environ).refusal = refusal
    number = request_id(headers)
    content_type, body = refusals.body(protocol, refusal, number)
    # What is left of the request would be read as the connection's next one.
    assert incoming.body is not None
    content = b"" if incoming.method == "HEAD" else body
    status = f"{refusal.status} {HTTPStatus(refusal.status).phrase}"
    start_response(status, [*headers.items(), ("Content-Type", content_type), ("Content-Length", str(len(content)))])
    return [content]


def _deleted(answer: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
    headers: dict[str, str] = {}
    request_id(headers)
    content = xmltodict.unparse(answer).encode()
    length = ("Content-Length", str(len(content)))
    start_response("200 OK", [*headers.items(), ("Content-Type", "application/xml"), length])
    return [content]
