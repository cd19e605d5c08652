"""S3's rules beyond the table of `test_judge.py`: the forms of a Deny that count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.model.account import BucketEncryption
from druid_reindex.posture.findings import Status
from druid_reindex.posture.rules import bucket as rules
from posture_facts import bucket_policy, good_facts

FACTS = good_facts()
BUCKET = FACTS.buckets[0]
HEADER = "s3:x-amz-server-side-encryption"


def denying(number: int, **changes: Any) -> Any:
    policy = bucket_policy(BUCKET.name)
    policy["Statement"][number] |= changes
    return replace(BUCKET, policy=policy)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {HEADER: "aws:kms"}},
        {"StringNotEqualsIfExists": {HEADER: ["aws:kms", "aws:kms:dsse"]}},
        {"StringNotEquals": {HEADER: "aws:kms"}, "Null": {HEADER: "false"}},
    ],
)
def test_forms_of_the_deny_of_unencrypted_puts(condition: dict[str, Any]) -> None:
    assert rules.unencrypted_puts_are_denied(denying(0, Condition=condition), FACTS).status is Status.PASS


@pytest.mark.parametrize("action", ["s3:*", "*", ["s3:PutObject", "s3:GetObject"]])
def test_a_wider_action_denies_puts_too(action: Any) -> None:
    assert rules.unencrypted_puts_are_denied(denying(0, Action=action), FACTS).status is Status.PASS


def test_a_deny_that_spares_somebody_is_none() -> None:
    spared = denying(1, NotPrincipal={"AWS": "arn:aws:iam::111122223333:role/x"})
    assert rules.plain_http_is_denied(spared, FACTS).status is Status.FAIL


def test_encryption_defects_name_the_bucket_and_the_key() -> None:
    found = {"a": BucketEncryption("aws:kms", "k1"), "b": BucketEncryption("none", "")}
    assert rules.encryption_defects({"a": "k1", "b": ""}, found) == ["b: none, not aws:kms"]
    assert rules.encryption_defects({"a": "k2"}, found) == ["a: aws:kms k1, not k2"]
