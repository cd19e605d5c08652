"""Signatures, against botocore's own and against AWS's published example."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from druid_reindex.sandbox.aws.gate import signatures
from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.signatures import Fault, SignatureError

WHO = Credentials("AKIAEXAMPLE", "a secret", "a token")
HOST = "https://127.0.0.1"
# Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (GET Object)
EXAMPLE_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EXAMPLE_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EXAMPLE = {
    "HTTP_HOST": "examplebucket.s3.amazonaws.com",
    "HTTP_RANGE": "bytes=0-9",
    "HTTP_X_AMZ_CONTENT_SHA256": EXAMPLE_HASH,
    "HTTP_X_AMZ_DATE": "20130524T000000Z",
    "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
}


def arrived(request: AWSRequest, body: bytes = b"", **changes: str) -> Incoming:
    url = urlsplit(request.url)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    content_type = {"CONTENT_TYPE": headers.pop("HTTP_CONTENT_TYPE")} if "HTTP_CONTENT_TYPE" in headers else {}
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method, "RAW_URI": f"{url.path}?{url.query}", "QUERY_STRING": url.query,
        "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "127.0.0.1",
    }  # fmt: skip
    return Incoming(environ | headers | content_type | changes)


def signed(service: str, method: str, path: str, body: bytes = b"", **headers: str) -> AWSRequest:
    request = AWSRequest(method, f"{HOST}{path}", data=body, headers={"Host": "127.0.0.1", **headers})
    (S3SigV4Auth if service == "s3" else SigV4Auth)(WHO, service, "us-east-1").add_auth(request)
    return request


def fault(incoming: Incoming, secret: str = WHO.secret_key, later: timedelta = timedelta()) -> Fault:
    with pytest.raises(SignatureError) as raised:
        signatures.verify(signatures.read(incoming), incoming, secret, datetime.now(UTC) + later)
    return raised.value.fault


def test_the_documents_example() -> None:
    incoming = Incoming(
        {"REQUEST_METHOD": "GET", "RAW_URI": "/test.txt", "QUERY_STRING": "", "wsgi.input": io.BytesIO(), **EXAMPLE}
    )
    read = signatures.read(incoming)
    assert (read.access_key_id, read.service, read.presigned) == ("AKIAIOSFODNN7EXAMPLE", "s3", False)
    signatures.verify(read, incoming, EXAMPLE_SECRET, datetime(2013, 5, 24, tzinfo=UTC))
    with pytest.raises(SignatureError):
        signatures.verify(read, incoming, EXAMPLE_SECRET, datetime(2013, 5, 25, tzinfo=UTC))


@pytest.mark.parametrize(
    ("service", "method", "path", "body"),
    [
        ("s3", "GET", "/b/a%20b/%C3%BC%2B~x", b""),
        ("s3", "GET", "/b?list-type=2&prefix=a%2Fb%20c&delimiter=%2F&empty=", b""),
        ("s3", "PUT", "/b//double", b"content"),
        ("kms", "POST", "/", b'{"KeyId": "x"}'),
        ("sts", "POST", "/", b"Action=GetCallerIdentity"),
    ],
)
def test_botocores_signatures_hold(service: str, method: str, path: str, body: bytes) -> None:
    request = signed(service, method, path, body, **{"X-Amz-Meta-Odd": "  two   spaces "})
    incoming = arrived(request, body)
    read = signatures.read(incoming)
    assert read.token == "a token"
    signatures.verify(read, incoming, WHO.secret_key, datetime.now(UTC))
    assert fault(incoming, "another secret") is Fault.MISMATCH


def test_what_was_signed_cannot_be_changed() -> None:
    assert fault(arrived(signed("kms", "POST", "/", b"{}"), b"{ }")) is Fault.MISMATCH
    assert fault(arrived(signed("s3", "GET", "/b/x"), HTTP_X_AMZ_SECURITY_TOKEN="other")) is Fault.MISMATCH
    put = signed("s3", "PUT", "/b/x", b"content")
    assert fault(arrived(put, b"changed")) is Fault.CONTENT


def test_clocks() -> None:
    request = arrived(signed("s3", "GET", "/b"))
    assert fault(request, later=timedelta(minutes=16)) is Fault.SKEWED
    presigned = AWSRequest("GET", f"{HOST}/b/x", headers={"Host": "127.0.0.1"})
    S3SigV4QueryAuth(WHO, "s3", "us-east-1", expires=60).add_auth(presigned)
    incoming = arrived(AWSRequest("GET", presigned.url))
    assert signatures.read(incoming).presigned
    signatures.verify(signatures.read(incoming), incoming, WHO.secret_key, datetime.now(UTC) + timedelta(seconds=50))
    assert fault(incoming, later=timedelta(seconds=70)) is Fault.EXPIRED


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        (None, Fault.MISSING),
        ("AWS AKIA:signature", Fault.UNSUPPORTED),
        ("AWS4-HMAC-SHA256 Credential=AKIA", Fault.INCOMPLETE),
        (f"AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature={'0' * 64}", Fault.INCOMPLETE),
    ],
)
def test_what_is_no_signature(header: str | None, wrong: Fault) -> None:
    changes = {} if header is None else {"HTTP_AUTHORIZATION": header}
    assert fault(arrived(AWSRequest("GET", f"{HOST}/b"), **changes)) is wrong


def test_a_query_signature_of_version_two_or_without_an_end() -> None:
    assert fault(arrived(AWSRequest("GET", f"{HOST}/b?Signature=x&AWSAccessKeyId=y"))) is Fault.UNSUPPORTED
    assert fault(arrived(AWSRequest("GET", f"{HOST}/b?X-Amz-Signature=x"))) is Fault.INCOMPLETE
