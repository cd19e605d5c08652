"""The records of one answered request: its own, and one for each use of a KMS key that a service made for it.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html,
https://docs.aws.amazon.com/kms/latest/developerguide/ct-decrypt.html,
https://docs.aws.amazon.com/kms/latest/developerguide/ct-generatedatakey.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html (who asks on whose behalf)

Error codes lose the ending `Exception` of a refusal, as in AWS's samples; that of EC2 is `Client.…`.
"""

from __future__ import annotations

import json
import random
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from druid_reindex.sandbox.aws.gate import encryption, sealed
from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.noted import Noted
from druid_reindex.sandbox.aws.gate.operations import EVERY, Check
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from druid_reindex.sandbox.aws.trail import objects, parameters, users
from druid_reindex.sandbox.aws.trail.events import Event, event, s3_event

Json = dict[str, Any]

VERSION = "1.11"
DENIED = {"AccessDeniedException": "AccessDenied", "UnauthorizedOperation": "Client.UnauthorizedOperation"}
# The condition key of a service on whose way to KMS a check is, with the name that records have for it.
VIA = {encryption.VIA_S3: "fas.s3.amazonaws.com", sealed.VIA_SECRETS_MANAGER: "secretsmanager.amazonaws.com"}
TYPES = {"kms": "AWS::KMS::Key", "sts": "AWS::IAM::Role"}
CONTEXT, NAMES, VIA_KEY = "kms:encryptioncontext:", "kms:encryptioncontextkeys", "kms:viaservice"
# Ids are unique and no secret, and there are several in each request.
_RANDOM = random.Random()  # noqa: S311
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


@dataclass(frozen=True)
class Recorded:
    """A record, its kind, and the ARN that selectors of data events are laid beside."""

    record: Json
    kind: str
    subject: str = ""


@dataclass(frozen=True)
class Seen:
    """One request with its answer; header names are in lower case, `content` is empty where nobody needs it."""

    incoming: Incoming
    noted: Noted
    status: int
    headers: Mapping[str, str]
    content: bytes
    at: datetime

    @cached_property
    def event(self) -> Event:
        """What CloudTrail makes of it."""
        if self.noted.call is not None:
            return s3_event(self.noted.call)
        return event(self.noted.service, self.noted.operation)

    @property
    def request_id(self) -> str:
        """The id that the client has, in the header that it reads."""
        names = ("x-amzn-requestid", "x-amz-request-id")
        wanted = reversed(names) if self.noted.call is not None else names
        return next((self.headers[name] for name in wanted if name in self.headers), "")

    @property
    def region(self) -> str:
        """The Region that was asked."""
        return self.noted.signed.region if self.noted.signed is not None else REGION

    @cached_property
    def error(self) -> tuple[str, str] | None:
        """Code and sentence of what went wrong; None when nothing did."""
        if self.status < 400:
            return None
        refusal = self.noted.refusal
        code, said = (refusal.code, refusal.said) if refusal is not None else _told(self)
        return DENIED.get(code, code), said

    @cached_property
    def user(self) -> Json:
        """Who asked."""
        assert self.noted.caller is not None
        return users.identity(self.noted.caller, self.noted.signed.access_key_id if self.noted.signed else "")


def records(seen: Seen) -> Iterator[Recorded]:
    """Yield the records of the request, its own first; none for a sender who is not known, or an unknown operation."""
    if seen.noted.caller is None or not seen.event.name or not seen.event.kind:
        return
    yield _own(seen)
    for check, said in seen.noted.asked:
        if VIA_KEY in check.context:
            refused = (_key_code(seen), said) if said and seen.noted.refusal is not None else None
            yield Recorded(key_use(seen, check, refused), event("kms", "Decrypt").kind)


def key_use(seen: Seen, check: Check, refused: tuple[str, str] | None) -> Json:
    """Return the record of the use of a key that a service made on behalf of who asked it, or was refused."""
    via = VIA[check.context[VIA_KEY][0]]
    name = check.action.partition(":")[2]
    found = _common(event("kms", name), seen.at, seen.region)
    found |= {"userIdentity": {**seen.user, "invokedBy": via}, "sourceIPAddress": via, "userAgent": via}
    if refused is not None:
        found["errorCode"], found["errorMessage"] = refused
    if refused is None or "Denied" not in refused[0]:
        found["requestParameters"] = key_parameters(name, check)
    found["requestID"] = _new_id()
    found["resources"] = [{"accountId": ACCOUNT, "type": TYPES["kms"], "ARN": check.resource}]
    return found


def _key_code(seen: Seen) -> str:
    """KMS's own word for what S3 tells as `KMS.…`."""
    assert seen.noted.refusal is not None
    return seen.noted.refusal.code.removeprefix("KMS.")


def key_parameters(name: str, check: Check) -> Json:
    """Return what KMS was asked: Decrypt names no key, as the ciphertext does."""
    pairs = {each: check.context[f"{CONTEXT}{each.lower()}"][0] for each in check.context.get(NAMES, ())}
    if name == "Decrypt":
        return {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": pairs}
    return {"keyId": check.resource, "keySpec": "AES_256", "encryptionContext": pairs}


def of_service(made: Event, by: str, at: datetime, **more: Any) -> Json:
    """Return the record of what a service did for itself, in the account's Region."""
    found = _common(made, at, REGION)
    found |= {"userIdentity": users.service(by), "sourceIPAddress": by, "userAgent": by}
    return found | {"requestID": _new_id(), "sharedEventID": _new_id()} | more


def _common(made: Event, at: datetime, region: str) -> Json:
    """What every record has, in the order of AWS's samples, with what is absent where nobody says more."""
    category = "Management" if made.is_management else "Data"
    return {
        "eventVersion": VERSION,
        "userIdentity": None,
        "eventTime": f"{at.isoformat()[:19]}Z",
        "eventSource": made.source,
        "eventName": made.name,
        "awsRegion": region,
        "sourceIPAddress": "",
        "userAgent": "",
        "requestParameters": None,
        "responseElements": None,
        "requestID": "",
        "eventID": _new_id(),
        "readOnly": made.reads,
        "eventType": "AwsApiCall",
        "managementEvent": made.is_management,
        "recipientAccountId": ACCOUNT,
        "eventCategory": category,
    }


def _new_id() -> str:
    """A random UUID."""
    text = f"{_RANDOM.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _own(seen: Seen) -> Recorded:
    found = _common(seen.event, seen.at, seen.region)
    found["userIdentity"] = seen.user
    found["sourceIPAddress"] = str(seen.incoming.environ.get("REMOTE_ADDR", ""))
    found["requestID"] = seen.request_id
    if seen.error is not None:
        found["errorCode"], found["errorMessage"] = seen.error
    agent = seen.incoming.header("user-agent") or ""
    if seen.noted.call is not None:
        found |= _of_object(seen) | {"userAgent": f"[{agent}]"}
    else:
        found |= _of_operation(seen) | {"userAgent": agent}
    if tls := _tls(seen.incoming):
        found["tlsDetails"] = tls
        if "additionalEventData" in found:
            found["additionalEventData"]["CipherSuite"] = tls["cipherSuite"]
    subject = objects.subject(seen.noted.call) if seen.noted.call is not None else ""
    return Recorded(found, seen.event.kind, subject)


def _of_object(seen: Seen) -> Json:
    call = seen.noted.call
    assert call is not None
    out = seen.headers.get("content-length", "0")
    sizes = (int(seen.incoming.header("content-length") or 0), 0 if seen.incoming.method == "HEAD" else int(out))
    found: Json = {
        "requestParameters": objects.parameters(call),
        "additionalEventData": objects.additional(call, seen.event, seen.headers, sizes),
    }
    if seen.error is None:
        found["responseElements"] = objects.answer(seen.event, seen.headers)
    if resources := objects.resources(call, seen.event):
        found["resources"] = resources
    return found


def _of_operation(seen: Seen) -> Json:
    """A request that is denied is recorded without its parameters, as it was not looked at."""
    noted = seen.noted
    found: Json = {}
    if seen.error is None or "Denied" not in seen.error[0]:
        found["requestParameters"] = parameters.of_request(noted.service, noted.operation, noted.parameters)
    if seen.error is None:
        answer = parameters.of_answer(noted.service, noted.operation, seen.content, seen.event.answer)
        found["responseElements"] = answer
    kind = TYPES.get(noted.service)
    arns = dict.fromkeys(check.resource for check, _ in noted.asked if VIA_KEY not in check.context)
    if kind is not None and (named := [arn for arn in arns if EVERY not in arn]):
        found["resources"] = [{"accountId": ACCOUNT, "type": kind, "ARN": arn} for arn in named]
    return found


def _told(seen: Seen) -> tuple[str, str]:
    """The error of an answer that the gate did not refuse. A HEAD has no body: its status says it."""
    content = seen.content
    if content[:1] == b"{":
        told = json.loads(content)
        code = str(told.get("__type") or told.get("code") or seen.status).rpartition("#")[2]
        return code, str(told.get("message") or told.get("Message") or "")
    code_found, message = _CODE.search(content), _MESSAGE.search(content)
    if code_found is None:
        missing = seen.noted.call is not None and seen.status == 404
        return ("NoSuchKey", "The specified key does not exist.") if missing else (str(seen.status), "")
    return code_found[1].decode(), message[1].decode() if message else ""


def _tls(incoming: Incoming) -> Json:
    """The connection's TLS; nothing on a plain one."""
    connection = incoming.environ.get("werkzeug.socket")
    if not isinstance(connection, ssl.SSLSocket) or (cipher := connection.cipher()) is None:
        return {}
    return {
        "tlsVersion": connection.version(),
        "cipherSuite": cipher[0],
        "clientProvidedHostHeader": incoming.header("host") or "",
    }
