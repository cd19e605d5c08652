"""KMS's rules beyond the table of `test_judge.py`: key policy and IAM together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.posture.facts import KeyUse
from druid_reindex.posture.findings import Status
from druid_reindex.posture.rules import key as rules
from posture_facts import ROLE, good_facts, kms_key

FACTS = good_facts()
USE = next(use for use in FACTS.key_uses if "data in S3" in use.purpose)
THROUGH_S3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}


def judged(use: KeyUse, decision: str, *statements: dict[str, Any]) -> Status:
    permissions = tuple(replace(each, decision=decision) for each in use.permissions)
    key = replace(use.key, policy={"Statement": list(statements)})
    return rules.instance_role_may_use_the_key(replace(use, key=key, permissions=permissions), FACTS).status


def allow(principal: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*", **more}


def test_a_key_policy_that_names_the_role_needs_no_identity_policy() -> None:
    named = allow(f"{ROLE}instance")
    assert judged(USE, "implicitDeny", named) is Status.PASS
    assert judged(USE, "explicitDeny", named) is Status.FAIL


def test_through_a_service_only_where_that_service_asks() -> None:
    named = allow(f"{ROLE}instance", Condition=THROUGH_S3)
    disks = next(use for use in FACTS.key_uses if "local disks" in use.purpose)
    assert judged(USE, "implicitDeny", named) is Status.PASS
    assert judged(disks, "implicitDeny", named) is Status.FAIL


def test_a_deny_whose_condition_does_not_hold_denies_nothing() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    elsewhere = {"StringNotEquals": {"kms:CallerAccount": "111122223333"}}
    root = allow("arn:aws:iam::111122223333:root")
    assert judged(USE, "allowed", root, deny | {"Condition": elsewhere}) is Status.PASS
    assert judged(USE, "allowed", root, deny) is Status.FAIL


@pytest.mark.parametrize("field", ["state", "manager", "spec", "usage"])
def test_each_defect_of_a_key_is_told(field: str) -> None:
    (told,) = rules.key_defects(replace(kms_key("k"), **{field: "other"}))
    assert "other" in told or field == "manager"
