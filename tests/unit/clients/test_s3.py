"""Tests of the S3 client beyond the port's contract: encryption, digests and refusals, on stubbed answers."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from druid_reindex.clients.s3 import S3Client
from druid_reindex.errors import (
    ConflictError,
    IntegrityError,
    NoAnswerError,
    NotAuthorizedError,
    NotFoundError,
    UnavailableError,
)
from druid_reindex.model.uri import S3Uri

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
URI = S3Uri.parse("s3://drx-phi-111122223333/runs/r1/plan.json")


@pytest.fixture
def store() -> S3Client:
    return S3Client(boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1"))


@pytest.fixture
def stub(store: S3Client) -> Iterator[Stubber]:
    with Stubber(store._s3) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_each_write_names_its_key_asks_for_a_bucket_key_and_carries_its_digest(store: S3Client, stub: Stubber) -> None:
    expected = {
        "Bucket": URI.bucket,
        "Key": URI.key,
        "Body": b"plan",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": KEY,
        "BucketKeyEnabled": True,
        "ChecksumSHA256": base64.b64encode(hashlib.sha256(b"plan").digest()).decode(),
    }
    stub.add_response("put_object", {"ETag": '"abc"', "SSEKMSKeyId": KEY}, expected)
    assert store.put(URI, b"plan", kms_key_arn=KEY) == "abc"


@pytest.mark.parametrize("answer", [{"ETag": "x"}, {"ETag": "x", "SSEKMSKeyId": KEY.replace("1111-", "2222-")}])
def test_a_write_under_another_key_is_no_success(store: S3Client, stub: Stubber, answer: dict[str, str]) -> None:
    stub.add_response("put_object", answer)
    with pytest.raises(IntegrityError, match="not arn:aws:kms"):
        store.put(URI, b"plan", kms_key_arn=KEY)


def test_other_bytes_than_sent_are_no_success(store: S3Client, stub: Stubber) -> None:
    stub.add_client_error("put_object", "BadDigest")
    with pytest.raises(IntegrityError):
        store.put(URI, b"plan", kms_key_arn=KEY)


def test_reads_ask_for_the_checksum_and_a_body_cut_short_is_no_answer(store: S3Client, stub: Stubber) -> None:
    expected = {"Bucket": URI.bucket, "Key": URI.key, "ChecksumMode": "ENABLED"}
    stub.add_response("get_object", {"Body": StreamingBody(io.BytesIO(b"pl"), 4)}, expected)
    with pytest.raises(NoAnswerError):
        store.get(URI)


def test_s3_that_will_not_say_is_not_a_missing_object(store: S3Client, stub: Stubber) -> None:
    stub.add_client_error("head_object", "403", http_status_code=403)
    with pytest.raises(NotAuthorizedError):
        store.exists(URI)


def test_keys_of_many_objects_an_empty_text_where_there_is_none(store: S3Client, stub: Stubber) -> None:
    stub.add_response("head_object", {}, {"Bucket": URI.bucket, "Key": ANY})
    assert store.kms_keys([URI]) == {URI: ""}
    assert store.kms_keys([]) == {}


def kept(body: bytes, etag: str) -> dict[str, object]:
    return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ETag": f'"{etag}"'}


@pytest.mark.parametrize(("etag", "condition"), [(None, {"IfNoneMatch": "*"}), ("abc", {"IfMatch": "abc"})])
def test_a_conditional_write_names_what_it_replaces(
    store: S3Client, stub: Stubber, etag: str | None, condition: dict[str, str]
) -> None:
    fixed = ("Bucket", "Key", "Body", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "ChecksumSHA256")
    stub.add_response("put_object", {"ETag": '"new"', "SSEKMSKeyId": KEY}, dict.fromkeys(fixed, ANY) | condition)
    assert store.put_if(URI, b"lease", kms_key_arn=KEY, etag=etag) == "new"


CODES = [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409), ("InternalError", 500), ("NoSuchKey", 404)]


@pytest.mark.parametrize(("code", "status"), CODES)
def test_a_conditional_write_whose_answer_was_lost_is_found_by_its_bytes(
    store: S3Client, stub: Stubber, code: str, status: int
) -> None:
    stub.add_client_error("put_object", code, http_status_code=status)
    stub.add_response("get_object", kept(b"lease", "new"))
    assert store.put_if(URI, b"lease", kms_key_arn=KEY, etag="old") == "new"


@pytest.mark.parametrize(("code", "status"), CODES)
def test_a_conditional_write_that_was_not_done_is_raised(
    store: S3Client, stub: Stubber, code: str, status: int
) -> None:
    stub.add_client_error("put_object", code, http_status_code=status)
    stub.add_response("get_object", kept(b"another's lease", "new"))
    with pytest.raises(UnavailableError if status == 500 else ConflictError):
        store.put_if(URI, b"lease", kms_key_arn=KEY, etag="old")


def test_a_bucket_that_does_not_exist_is_no_missing_object(store: S3Client, stub: Stubber) -> None:
    stub.add_client_error("get_object", "NoSuchBucket", http_status_code=404)
    with pytest.raises(NotFoundError):
        store.get_with_etag(URI)
    stub.add_client_error("put_object", "NoSuchBucket", http_status_code=404)
    with pytest.raises(NotFoundError):
        store.put_if(URI, b"lease", kms_key_arn=KEY, etag=None)


def test_reads_with_etag_are_checked_too(store: S3Client, stub: Stubber) -> None:
    expected = {"Bucket": URI.bucket, "Key": URI.key, "ChecksumMode": "ENABLED"}
    stub.add_response("get_object", kept(b"lease", "abc"), expected)
    assert store.get_with_etag(URI) == (b"lease", "abc")
