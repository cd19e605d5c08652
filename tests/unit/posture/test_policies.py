"""Statements of resource policies."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.posture import policies
from druid_reindex.posture.facts import UnreadFactError

CONTEXT = {"kms:viaservice": "s3.us-east-1.amazonaws.com", "aws:principalarn": "arn:aws:iam::111122223333:role/a"}


def conditioned(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("operator", "key", "value", "holds"),
    [
        ("StringEquals", "kms:ViaService", "s3.us-east-1.amazonaws.com", True),
        ("StringEquals", "kms:ViaService", ["ec2.us-east-1.amazonaws.com"], False),
        ("StringLike", "kms:ViaService", "s3.*.amazonaws.com", True),
        ("StringNotEquals", "kms:ViaService", "s3.us-east-1.amazonaws.com", False),
        ("StringNotLike", "kms:ViaService", "ec2.*", True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/a", True),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/a", False),
        ("StringEquals", "kms:CallerAccount", "111122223333", False),
        ("StringEqualsIfExists", "kms:CallerAccount", "111122223333", True),
        ("StringNotEquals", "kms:CallerAccount", "111122223333", True),
        ("Null", "kms:CallerAccount", "true", True),
        ("Null", "kms:ViaService", "true", False),
        ("Bool", "kms:ViaService", True, False),
    ],
)
def test_conditions(operator: str, key: str, value: Any, *, holds: bool) -> None:
    assert policies.holds(conditioned(operator, key, value), CONTEXT) is holds


def test_an_operator_that_is_not_known_is_unread() -> None:
    with pytest.raises(UnreadFactError, match="IpAddress on aws:sourceip"):
        policies.holds(conditioned("IpAddress", "aws:SourceIp", "10.0.0.0/8"), CONTEXT)


@pytest.mark.parametrize(
    ("statement", "covers"),
    [
        ({"Action": "s3:*"}, True),
        ({"Action": ["s3:putobject"]}, True),
        ({"Action": "s3:Get*"}, False),
        ({"NotAction": "s3:Get*"}, True),
        ({"NotAction": "s3:*"}, False),
        ({}, False),
    ],
)
def test_actions(statement: dict[str, Any], *, covers: bool) -> None:
    assert policies.covers_action(statement, "s3:PutObject") is covers


def test_resources_are_compared_with_their_case() -> None:
    assert policies.covers_resource({"Resource": "arn:aws:s3:::b/*"}, "arn:aws:s3:::b/*")
    assert not policies.covers_resource({"Resource": "arn:aws:s3:::b"}, "arn:aws:s3:::b/*")
    assert not policies.covers_resource({"Resource": "arn:aws:s3:::B/*"}, "arn:aws:s3:::b/*")
    assert policies.covers_resource({"NotResource": "arn:aws:s3:::c/*"}, "arn:aws:s3:::b/*")


@pytest.mark.parametrize(
    ("statement", "everybody"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Principal": {"Service": "s3.amazonaws.com"}}, False),
    ],
)
def test_everybody(statement: dict[str, Any], *, everybody: bool) -> None:
    assert policies.is_for_everybody(statement) is everybody
    assert policies.names_principal(statement, "arn:x") is everybody


@pytest.mark.parametrize(
    ("statement", "narrowed"),
    [
        (conditioned("StringEquals", "kms:CallerAccount", "1"), True),
        (conditioned("ArnLike", "aws:PrincipalArn", "arn:aws:iam::1:role/*"), True),
        (conditioned("StringLike", "aws:PrincipalArn", "*"), False),
        (conditioned("StringEqualsIfExists", "kms:CallerAccount", "1"), False),
        (conditioned("StringNotEquals", "kms:CallerAccount", "1"), False),
        (conditioned("StringEquals", "kms:ViaService", "s3"), False),
        ({}, False),
    ],
)
def test_narrowing(statement: dict[str, Any], *, narrowed: bool) -> None:
    assert policies.is_narrowed(statement) is narrowed


def test_the_one_condition() -> None:
    only = lambda statement: policies.only_condition(statement, ("Bool",), "aws:SecureTransport")  # noqa: E731
    assert only(conditioned("Bool", "aws:securetransport", False)) == ["false"]
    assert only(conditioned("BoolIfExists", "aws:SecureTransport", "false")) is None
    assert only({"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:x": "1"}}}) is None
    beside = {"Condition": {"Bool": {"aws:SecureTransport": "false"}, "Null": {"aws:SecureTransport": "false"}}}
    assert only(beside) == ["false"]
    beside["Condition"]["Null"] = {"aws:SecureTransport": "true"}
    assert only(beside) is None
    assert only({}) is None
