"""Tests of S3 addresses and ARNs."""

from __future__ import annotations

import pytest

from druid_reindex.model.uri import Arn, S3Uri


@pytest.mark.parametrize("text", ["s3://bucket/", "s3://bucket/a/b", "s3://my.bucket-1/key with space"])
def test_an_address_reads_back(text: str) -> None:
    assert str(S3Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["bucket/key", "s3a://bucket/key", "s3:/bucket/key", "s3://B_ucket/key", "s3://a/key", ""]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write s3://"):
        S3Uri.parse(text)


@pytest.mark.parametrize(("prefix", "part"), [("s3://b-1/a", "x"), ("s3://b-1/a/", "x"), ("s3://b-1/a/", "/x")])
def test_joining_puts_one_slash(prefix: str, part: str) -> None:
    assert str(S3Uri.parse(prefix) / part) == "s3://b-1/a/x"


def test_a_prefix_covers_whole_path_parts_only() -> None:
    prefix = S3Uri.parse("s3://phi-1/data/")
    assert prefix.covers(S3Uri.parse("s3://phi-1/data/x"))
    assert prefix.covers(S3Uri.parse("s3://phi-1/data"))
    assert not prefix.covers(S3Uri.parse("s3://phi-1/database"))
    assert not prefix.covers(S3Uri.parse("s3://phi-2/data/x"))
    assert S3Uri.parse("s3://phi-1/").covers(S3Uri.parse("s3://phi-1/anything"))


def test_an_arn_reads_back_and_shows_its_parts() -> None:
    text = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
    arn = Arn.parse(text)
    assert str(arn) == text
    assert (arn.service, arn.region, arn.account) == ("kms", "us-east-1", "111122223333")


@pytest.mark.parametrize(
    "text", ["key/1", "arn:aws:kms:us-east-1:111:key/1", "alias/phi", "arn:azure:kms:r:111122223333:k"]
)
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an ARN"):
        Arn.parse(text)
