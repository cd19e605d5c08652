"""Signature Version 4, in the Authorization header or in a presigned query.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote, unquote

from druid_reindex.sandbox.aws.gate.incoming import Incoming

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATION = "aws4_request"
CONTENT_HASH = "x-amz-content-sha256"
UNSIGNED = "UNSIGNED-PAYLOAD"
S3 = "s3"
# Clocks may differ by so much.
SKEW_SECONDS = 900
_HEADER = re.compile(
    rf"^{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})\s*$"
)
_MOMENT = "%Y%m%dT%H%M%SZ"
_SAFE_PATH, _SAFE = "/-_.~", "-_.~"


class Fault(StrEnum):
    """What is wrong with how a request was signed."""

    MISSING = "missing"
    INCOMPLETE = "incomplete"
    UNSUPPORTED = "unsupported"
    UNKNOWN_KEY = "unknown key"
    INVALID_TOKEN = "invalid token"  # noqa: S105
    EXPIRED_TOKEN = "expired token"  # noqa: S105
    EXPIRED = "expired"
    SKEWED = "skewed"
    MISMATCH = "mismatch"
    CONTENT = "content"


class SignatureError(Exception):
    """A request whose sender is not known."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class Signed:
    """What the request says about its own signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str
    moment: datetime
    token: str | None
    presigned: bool
    expires_seconds: int | None = None

    @property
    def scope(self) -> str:
        """The credential's scope."""
        return f"{self.date}/{self.region}/{self.service}/{TERMINATION}"


def read(incoming: Incoming) -> Signed:
    """Return how the request is signed. Raises SignatureError."""
    if "X-Amz-Signature" in incoming.arguments:
        return _presigned(incoming)
    header = incoming.header("authorization")
    if header is None:
        raise SignatureError(Fault.UNSUPPORTED if "Signature" in incoming.arguments else Fault.MISSING)
    if not header.startswith(f"{ALGORITHM} "):
        raise SignatureError(Fault.UNSUPPORTED)
    found = _HEADER.match(header)
    if found is None:
        raise SignatureError(Fault.INCOMPLETE)
    return _signed(
        found["credential"],
        found["headers"],
        found["signature"],
        incoming.header("x-amz-date") or "",
        incoming.header("x-amz-security-token"),
    )


def verify(signed: Signed, incoming: Incoming, secret: str, now: datetime) -> None:
    """Return when the signature is `secret`'s, in time, and of this content. Raises SignatureError."""
    age = (now - signed.moment).total_seconds()
    if signed.expires_seconds is not None:
        if age > signed.expires_seconds or age < -SKEW_SECONDS:
            raise SignatureError(Fault.EXPIRED)
    elif abs(age) > SKEW_SECONDS:
        raise SignatureError(Fault.SKEWED)
    canonical = _canonical_request(signed, incoming)
    text = f"{ALGORITHM}\n{signed.moment.strftime(_MOMENT)}\n{signed.scope}\n{_sha256(canonical.encode())}"
    key = _signing_key(secret, signed.date, signed.region, signed.service)
    if not hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), signed.signature):
        raise SignatureError(Fault.MISMATCH)


def _presigned(incoming: Incoming) -> Signed:
    given = incoming.arguments
    if given.get("X-Amz-Algorithm") != ALGORITHM or not given.get("X-Amz-Expires", "").isdigit():
        raise SignatureError(Fault.INCOMPLETE)
    return _signed(
        given.get("X-Amz-Credential", ""),
        given.get("X-Amz-SignedHeaders", ""),
        given["X-Amz-Signature"],
        given.get("X-Amz-Date", ""),
        given.get("X-Amz-Security-Token"),
        int(given["X-Amz-Expires"]),
    )


def _signed(
    credential: str, headers: str, signature: str, moment: str, token: str | None, expires: int | None = None
) -> Signed:
    parts = credential.split("/")
    try:
        when = datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureError(Fault.INCOMPLETE) from error
    if len(parts) != 5 or parts[4] != TERMINATION or "host" not in headers.split(";"):
        raise SignatureError(Fault.INCOMPLETE)
    return Signed(
        access_key_id=parts[0],
        date=parts[1],
        region=parts[2],
        service=parts[3],
        headers=tuple(headers.split(";")),
        signature=signature,
        moment=when,
        token=token,
        presigned=expires is not None,
        expires_seconds=expires,
    )


def _canonical_request(signed: Signed, incoming: Incoming) -> str:
    path = (
        quote(unquote(incoming.path), safe=_SAFE_PATH)
        if signed.service == S3
        else quote(incoming.path, safe=_SAFE_PATH)
    )
    pairs = sorted(
        (quote(name, safe=_SAFE), quote(value, safe=_SAFE))
        for name, value in incoming.query
        if not (signed.presigned and name == "X-Amz-Signature")
    )
    headers = "".join(f"{name}:{' '.join((incoming.header(name) or '').split())}\n" for name in signed.headers)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return "\n".join((incoming.method, path, query, headers, ";".join(signed.headers), _content_hash(signed, incoming)))


def _content_hash(signed: Signed, incoming: Incoming) -> str:
    """The hash that was signed; where it names the content, the content has to have it."""
    said = incoming.header(CONTENT_HASH)
    if signed.service == S3:
        if said is None or not _names_content(said):
            return said or UNSIGNED
        if said != _EMPTY and incoming.method in {"PUT", "POST"} and said != _sha256(incoming.body):
            raise SignatureError(Fault.CONTENT)
        return said
    return _sha256(incoming.body)


def _names_content(said: str) -> bool:
    return len(said) == 64 and "-" not in said


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_EMPTY = _sha256(b"")


@lru_cache(256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATION):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
