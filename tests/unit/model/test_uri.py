"""S3 addresses and ARNs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.uri import Arn, S3Uri

KEYS = st.lists(st.text("abc.-_", min_size=1), max_size=4).map("/".join)


@given(KEYS)
def test_an_address_survives_text(key: str) -> None:
    uri = S3Uri("some-bucket", key)
    assert S3Uri.parse(str(uri)) == uri


@pytest.mark.parametrize("text", ["s3a://bucket/x", "bucket/x", "s3://B_ad/x", "s3://", "s3:///x", "https://bucket/x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write s3://bucket/prefix"):
        S3Uri.parse(text)


@pytest.mark.parametrize(
    ("prefix", "other", "covered"),
    [
        ("s3://bucket", "s3://bucket/a", True),
        ("s3://bucket/a", "s3://bucket/a", True),
        ("s3://bucket/a/", "s3://bucket/a", True),
        ("s3://bucket/a", "s3://bucket/a/b", True),
        ("s3://bucket/a", "s3://bucket/ab", False),
        ("s3://bucket/a/b", "s3://bucket/a", False),
        ("s3://bucket", "s3://bucket2/a", False),
    ],
)
def test_a_prefix_covers_whole_parts(prefix: str, other: str, covered: bool) -> None:
    assert S3Uri.parse(prefix).covers(S3Uri.parse(other)) is covered


@pytest.mark.parametrize("base", ["s3://bucket", "s3://bucket/", "s3://bucket/a", "s3://bucket/a/"])
@pytest.mark.parametrize("part", ["b/c", "/b/c"])
def test_below_is_one_slash_away(base: str, part: str) -> None:
    below = S3Uri.parse(base) / part
    assert "//" not in below.key
    assert S3Uri.parse(base).covers(below)
    assert below.key.endswith("b/c")


def test_an_arn_survives_text() -> None:
    text = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/11111111-1111-4111-8111-111111111111"
    arn = Arn.parse(text)
    assert str(arn) == text
    assert (arn.service, arn.region, arn.account) == ("kms", "us-gov-west-1", "111122223333")
    assert Arn.parse("arn:aws:s3:::bucket/key:with:colons").resource == "bucket/key:with:colons"


@pytest.mark.parametrize("text", ["alias/mine", "arn:aws:kms:us-east-1:1:key/x", "arn:other:s3:::b", "arn:aws:s3:::"])
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="in full"):
        Arn.parse(text)
