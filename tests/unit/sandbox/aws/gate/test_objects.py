"""What a request asks of S3."""

from __future__ import annotations

import io

import pytest

from druid_reindex.sandbox.aws.gate import objects
from druid_reindex.sandbox.aws.gate.incoming import Incoming

ARN = "arn:aws:s3:::bkt"


def call(method: str, target: str, body: bytes = b"", **headers: str) -> objects.ObjectCall:
    path, _, query = target.partition("?")
    return objects.read(Incoming({
        "REQUEST_METHOD": method, "RAW_URI": target, "PATH_INFO": path, "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)),
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }))  # fmt: skip


@pytest.mark.parametrize(
    ("method", "target", "operation", "needed"),
    [
        ("GET", "/", "ListBuckets", [("s3:ListAllMyBuckets", "*")]),
        ("GET", "/bkt?list-type=2&prefix=a", "ListObjectsV2", [("s3:ListBucket", ARN)]),
        ("GET", "/bkt/?versions", "ListObjectVersions", [("s3:ListBucketVersions", ARN)]),
        ("GET", "/bkt?uploads", "ListMultipartUploads", [("s3:ListBucketMultipartUploads", ARN)]),
        ("GET", "/bkt?location", "GetBucketLocation", [("s3:GetBucketLocation", ARN)]),
        ("HEAD", "/bkt", "HeadBucket", [("s3:ListBucket", ARN)]),
        ("PUT", "/bkt", "CreateBucket", [("s3:CreateBucket", ARN)]),
        ("GET", "/bkt?policy", "GetBucketPolicy", [("s3:GetBucketPolicy", ARN)]),
        ("PUT", "/bkt?encryption", "PutBucketEncryption", [("s3:PutEncryptionConfiguration", ARN)]),
        ("DELETE", "/bkt?lifecycle", "DeleteBucketLifecycleConfiguration", [("s3:PutLifecycleConfiguration", ARN)]),
        ("GET", "/bkt/a%20b?x-id=GetObject", "GetObject", [("s3:GetObject", f"{ARN}/a b")]),
        ("GET", "/bkt/k?versionId=1", "GetObject", [("s3:GetObjectVersion", f"{ARN}/k")]),
        ("GET", "/bkt/k?tagging&versionId=1", "GetObjectTagging", [("s3:GetObjectVersionTagging", f"{ARN}/k")]),
        ("HEAD", "/bkt/k", "HeadObject", [("s3:GetObject", f"{ARN}/k")]),
        ("PUT", "/bkt/k", "PutObject", [("s3:PutObject", f"{ARN}/k")]),
        ("POST", "/bkt/k?uploads", "CreateMultipartUpload", [("s3:PutObject", f"{ARN}/k")]),
        ("PUT", "/bkt/k?partNumber=1&uploadId=u", "UploadPart", [("s3:PutObject", f"{ARN}/k")]),
        ("POST", "/bkt/k?uploadId=u", "CompleteMultipartUpload", [("s3:PutObject", f"{ARN}/k")]),
        ("DELETE", "/bkt/k?uploadId=u", "AbortMultipartUpload", [("s3:AbortMultipartUpload", f"{ARN}/k")]),
        ("GET", "/bkt/k?uploadId=u", "ListParts", [("s3:ListMultipartUploadParts", f"{ARN}/k")]),
        ("DELETE", "/bkt/k", "DeleteObject", [("s3:DeleteObject", f"{ARN}/k")]),
        ("DELETE", "/bkt/k?versionId=1", "DeleteObject", [("s3:DeleteObjectVersion", f"{ARN}/k")]),
    ],
)  # fmt: skip
def test_an_operation(method: str, target: str, operation: str, needed: list[tuple[str, str]]) -> None:
    found = call(method, target)
    assert found.operation == operation
    assert [(check.action, check.resource) for check in found.checks()] == needed


@pytest.mark.parametrize(
    ("method", "target"),
    [("PATCH", "/bkt/k"), ("POST", "/bkt/k?tagging"), ("POST", "/bkt"), ("DELETE", "/bkt?versioning"), ("PUT", "/")],
)
def test_what_is_no_operation_has_no_name(method: str, target: str) -> None:
    assert call(method, target).operation == ""


def test_headers_that_need_more() -> None:
    tagged = call("PUT", "/bkt/k", X_AMZ_TAGGING="a=b", X_AMZ_ACL="private")
    assert [check.action for check in tagged.checks()] == ["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectAcl"]
    copied = call("PUT", "/bkt/k", X_AMZ_COPY_SOURCE="/src/a%20b?versionId=7")
    assert copied.copy_source == ("src", "a b", "7")
    assert [(check.action, check.resource) for check in copied.checks()][1] == (
        "s3:GetObjectVersion",
        "arn:aws:s3:::src/a b",
    )


def test_the_condition_keys_of_a_request() -> None:
    listed = call("GET", "/bkt?list-type=2&prefix=a%2F&delimiter=%2F&max-keys=10").context()
    assert listed == {"s3:prefix": ("a/",), "s3:delimiter": ("/",), "s3:max-keys": ("10",)}
    put = call("PUT", "/bkt/k", X_AMZ_SERVER_SIDE_ENCRYPTION="aws:kms", IF_NONE_MATCH="*").context()
    assert put == {"s3:x-amz-server-side-encryption": ("aws:kms",), "s3:if-none-match": ("*",)}


def test_a_legal_hold_is_known_from_a_puts_header_and_from_the_body_that_changes_it() -> None:
    key = "s3:object-lock-legal-hold"
    assert call("PUT", "/bkt/k", X_AMZ_OBJECT_LOCK_LEGAL_HOLD="ON").context() == {key: ("ON",)}
    lifted = call("PUT", "/bkt/k?legal-hold", b"<LegalHold><Status>OFF</Status></LegalHold>")
    assert lifted.context() == {key: ("OFF",)}
    for body in (b"", b"<LegalHold/>", b"<Other/>"):
        assert call("PUT", "/bkt/k?legal-hold", body).context() == {}


def test_deletions_are_checked_one_by_one() -> None:
    body = b"<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key><VersionId>1</VersionId></Object></Delete>"
    found = call("POST", "/bkt?delete", body)
    assert [(check.action, check.resource) for check in found.checks()] == [
        ("s3:DeleteObject", f"{ARN}/a&b"),
        ("s3:DeleteObjectVersion", f"{ARN}/c"),
    ]
    assert objects.deletions(b"<Delete>") == objects.deletions(b"<Other/>") == []
