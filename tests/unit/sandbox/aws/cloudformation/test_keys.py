"""Keys have the ids that the configuration names, and their policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from druid_reindex.sandbox.aws.cloudformation import keys
from druid_reindex.sandbox.aws.cloudformation.resources import Made

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "kms:*"}],
}


def test_a_key_of_ours_has_its_id_and_any_other_a_random_one(
    make: Callable[..., Made], aws: Callable[[str], Any]
) -> None:
    asked = {"Description": "data", "KeyPolicy": POLICY, "EnableKeyRotation": True}
    made, other = (
        make("AWS::KMS::Key", asked, "PhiKey"),
        make("AWS::KMS::Key", {"Description": "", "KeyPolicy": POLICY}),
    )
    assert (made.id, other.id in keys.IDS.values()) == (keys.IDS["PhiKey"], False)
    kms = aws("kms")
    assert kms.describe_key(KeyId=made.id)["KeyMetadata"]["Arn"] == made.attributes["Arn"]
    assert json.loads(kms.get_key_policy(KeyId=made.id, PolicyName="default")["Policy"]) == POLICY
    rotated = [kms.get_key_rotation_status(KeyId=each.id)["KeyRotationEnabled"] for each in (made, other)]
    assert rotated == [True, False]


def test_an_alias_leads_to_its_key(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    made = make("AWS::KMS::Key", {"Description": "data", "KeyPolicy": POLICY})
    make("AWS::KMS::Alias", {"AliasName": "alias/data", "TargetKeyId": made.id})
    assert aws("kms").describe_key(KeyId="alias/data")["KeyMetadata"]["KeyId"] == made.id
