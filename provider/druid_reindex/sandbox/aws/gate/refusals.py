"""AWS's refusals in the form of each protocol.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape

from druid_reindex.sandbox.aws.gate.signatures import Fault


class Protocol(StrEnum):
    """How a service words its errors."""

    S3 = "s3"
    JSON = "json"
    QUERY = "query"
    EC2 = "ec2"


@dataclass(frozen=True)
class Refusal:
    """A code, its HTTP status, and the sentence."""

    code: str
    status: int
    said: str


_TOKEN = "The security token included in the request is"  # noqa: S105
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
_QUERY = {
    Fault.MISSING: Refusal("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
    Fault.INCOMPLETE: Refusal("IncompleteSignature", 400, "The request signature does not conform to AWS standards."),
    Fault.UNSUPPORTED: Refusal("IncompleteSignature", 400, "Please use AWS4-HMAC-SHA256."),
    Fault.UNKNOWN_KEY: Refusal("InvalidClientTokenId", 403, f"{_TOKEN} invalid."),
    Fault.INVALID_TOKEN: Refusal("InvalidClientTokenId", 403, f"{_TOKEN} invalid."),
    Fault.EXPIRED_TOKEN: Refusal("ExpiredToken", 403, f"{_TOKEN} expired"),
    Fault.EXPIRED: Refusal("RequestExpired", 400, "Request has expired."),
    Fault.SKEWED: Refusal("SignatureDoesNotMatch", 403, "Signature expired: the request's date is too far from now."),
    Fault.MISMATCH: Refusal("SignatureDoesNotMatch", 403, _MISMATCH),
    Fault.CONTENT: Refusal("SignatureDoesNotMatch", 403, _MISMATCH),
}
_JSON = {
    Fault.MISSING: Refusal("MissingAuthenticationTokenException", 400, "Missing Authentication Token"),
    Fault.INCOMPLETE: Refusal("IncompleteSignatureException", 400, _QUERY[Fault.INCOMPLETE].said),
    Fault.UNSUPPORTED: Refusal("IncompleteSignatureException", 400, _QUERY[Fault.UNSUPPORTED].said),
    Fault.UNKNOWN_KEY: Refusal("UnrecognizedClientException", 400, f"{_TOKEN} invalid."),
    Fault.INVALID_TOKEN: Refusal("UnrecognizedClientException", 400, f"{_TOKEN} invalid."),
    Fault.EXPIRED_TOKEN: Refusal("ExpiredTokenException", 400, f"{_TOKEN} expired"),
    Fault.EXPIRED: Refusal("InvalidSignatureException", 400, "Signature expired."),
    Fault.SKEWED: Refusal("InvalidSignatureException", 400, _QUERY[Fault.SKEWED].said),
    Fault.MISMATCH: Refusal("InvalidSignatureException", 400, _MISMATCH),
    Fault.CONTENT: Refusal("InvalidSignatureException", 400, _MISMATCH),
}
_S3 = {
    Fault.MISSING: Refusal("AccessDenied", 403, "Access Denied"),
    Fault.INCOMPLETE: Refusal("AuthorizationHeaderMalformed", 400, "The authorization header is malformed."),
    Fault.UNSUPPORTED: Refusal(
        "InvalidRequest",
        400,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    ),
    Fault.UNKNOWN_KEY: Refusal(
        "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."
    ),
    Fault.INVALID_TOKEN: Refusal("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    Fault.EXPIRED_TOKEN: Refusal("ExpiredToken", 400, "The provided token has expired."),
    Fault.EXPIRED: Refusal("AccessDenied", 403, "Request has expired"),
    Fault.SKEWED: Refusal(
        "RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."
    ),
    Fault.MISMATCH: Refusal("SignatureDoesNotMatch", 403, _MISMATCH),
    Fault.CONTENT: Refusal(
        "XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."
    ),
}
_EC2 = {
    fault: Refusal("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
    for fault in Fault
}
_SIGNATURES: Mapping[Protocol, Mapping[Fault, Refusal]] = {
    Protocol.S3: _S3,
    Protocol.JSON: _JSON,
    Protocol.QUERY: _QUERY,
    Protocol.EC2: _EC2 | {Fault.EXPIRED_TOKEN: Refusal("RequestExpired", 400, "Request has expired.")},
}
_EC2_DENIAL = "You are not authorized to perform this operation. "


def unsigned(protocol: Protocol, fault: Fault) -> Refusal:
    """Return the refusal of a request whose sender is not known."""
    return _SIGNATURES[protocol][fault]


def denied(protocol: Protocol, said: str) -> Refusal:
    """Return the refusal of a request that policies do not allow."""
    match protocol:
        case Protocol.JSON:
            return Refusal("AccessDeniedException", 400, said)
        case Protocol.EC2:
            return Refusal("UnauthorizedOperation", 403, f"{_EC2_DENIAL}{said}")
        case Protocol.S3 | Protocol.QUERY:
            return Refusal("AccessDenied", 403, said)


def body(protocol: Protocol, refusal: Refusal, request_id: str) -> tuple[str, bytes]:
    """Return the content type and the body with which the protocol tells the refusal."""
    code, said = refusal.code, escape(refusal.said)
    match protocol:
        case Protocol.JSON:
            told = {"__type": code, "message": refusal.said, "Message": refusal.said}
            return "application/x-amz-json-1.1", json.dumps(told).encode()
        case Protocol.S3:
            text = f"<Error><Code>{code}</Code><Message>{said}</Message><RequestId>{request_id}</RequestId></Error>"
        case Protocol.EC2:
            error = f"<Errors><Error><Code>{code}</Code><Message>{said}</Message></Error></Errors>"
            text = f"<Response>{error}<RequestID>{request_id}</RequestID></Response>"
        case Protocol.QUERY:
            error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{said}</Message></Error>"
            text = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return "application/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
