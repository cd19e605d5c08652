"""KMS keys and their aliases. Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html"""

from __future__ import annotations

import json
from typing import Any

from moto.kms.models import kms_backends

from druid_reindex.sandbox.aws.cloudformation.resources import Made, Wanted, resource
from druid_reindex.sandbox.aws.site import ACCOUNT

PARTITION = "aws"
# AWS chooses a key's id; here it is that of `emr_configs/boundaries.yaml`.
IDS = {
    "PhiKey": "11111111-1111-4111-8111-111111111111",
    "GeneralKey": "22222222-2222-4222-8222-222222222222",
    "LogsKey": "33333333-3333-4333-8333-333333333333",
    "PhiDisksKey": "44444444-4444-4444-8444-444444444444",
    "GeneralDisksKey": "55555555-5555-4555-8555-555555555555",
    "DruidKey": "66666666-6666-4666-8666-666666666666",
    "ReplicaKey": "77777777-7777-4777-8777-777777777777",
    "EvidenceKey": "88888888-8888-4888-8888-888888888888",
    "PhiSigningKey": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
    "GeneralSigningKey": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
}


@resource(
    "AWS::KMS::Key", "Description", "EnableKeyRotation", "KeyPolicy", "KeySpec", "KeyUsage", "PendingWindowInDays"
)
def key(wanted: Wanted) -> Made:
    """A key; how long its deletion waits is asked when it is deleted, and so not kept."""
    kms, properties = wanted.client("kms"), wanted.properties
    made = kms.create_key(
        Description=properties["Description"],
        Policy=json.dumps(properties["KeyPolicy"]),
        KeySpec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
        KeyUsage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
    )
    key_id = _renamed(made["KeyMetadata"]["KeyId"], wanted)
    if properties.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=key_id)
    arn = f"arn:{PARTITION}:kms:{wanted.region}:{ACCOUNT}:key/{key_id}"
    return Made(key_id, {"Arn": arn, "KeyId": key_id})


@resource("AWS::KMS::Alias", "AliasName", "TargetKeyId")
def alias(wanted: Wanted) -> Made:
    """A key's name for people."""
    wanted.client("kms").create_alias(**wanted.properties)
    return Made(str(wanted.properties["AliasName"]))


def _renamed(made: str, wanted: Wanted) -> str:
    """Return the key's id, which is the fixed one when the template is one of ours."""
    backend: Any = kms_backends[ACCOUNT][wanted.region]
    key_id = IDS.get(wanted.logical_id, made)
    found = backend.keys.pop(made)
    found.id, found.arn = key_id, found.arn.replace(made, key_id)
    backend.keys[key_id] = found
    return key_id
