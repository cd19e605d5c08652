"""Documents: what is read, and what cannot be evaluated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from druid_reindex.sandbox.aws.iam.policies import policy

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document(*statements: dict[str, Any], **top: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | top)


def test_a_statement_is_named_by_its_sid_or_its_place() -> None:
    read = policy("p", document(ALLOW, ALLOW | {"Sid": "Two"}))
    assert [each.id for each in read.statements] == ["p/1", "p/Two"]
    assert read.problem == ""


def test_one_statement_needs_no_list() -> None:
    assert len(policy("p", json.dumps({"Version": "2012-10-17", "Statement": ALLOW})).statements) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be evaluated"),
        ("[]", "no Statement"),
        (document(ALLOW, Version="2020-01-01"), "unknown Version 2020-01-01"),
        (document(ALLOW | {"Extra": 1}), "unknown element Extra"),
        (document({"Action": "*", "Resource": "*"}), "no Effect"),
        (document({"Effect": "Allow", "Resource": "*"}), "no Action"),
        (document(ALLOW | {"NotAction": "s3:*"}), "both Action and NotAction"),
        (document(ALLOW | {"NotResource": "*"}), "both Resource and NotResource"),
        (document(ALLOW | {"Principal": "*", "NotPrincipal": "*"}), "both Principal and NotPrincipal"),
        (document(ALLOW | {"NotPrincipal": {"AWS": "1"}}), "allows by NotPrincipal"),
        (document(ALLOW | {"Principal": {"Person": "alice"}}), "unknown principal"),
        (document(ALLOW | {"Principal": {"AWS": "arn:aws:iam::1:role/*"}}), "takes no pattern"),
        (document(ALLOW | {"Condition": {"Like": {"a": "b"}}}), "unknown condition operator Like"),
    ],
)
def test_what_cannot_be_evaluated_is_named(text: str, said: str) -> None:
    assert said in policy("p", text).problem
