"""Secrets under a key: reading one needs the key, through Secrets Manager."""

from __future__ import annotations

from typing import Any

import pytest
from moto.secretsmanager.models import secretsmanager_backends

from druid_reindex.sandbox.aws.gate import sealed
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from gated_account import Account, Answer, allow

SECRETS = allow("secretsmanager:*")


@pytest.fixture
def key(account: Account) -> Any:
    made = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    store: Any = secretsmanager_backends[ACCOUNT][REGION]
    store.create_secret("druid/metadata", "a password", None, "", [], made.arn, None, [], False)
    store.create_secret("plain", "a password", None, "", [], None, None, [], False)
    return made


def get(account: Account, who: Any, name: str) -> Answer:
    return account.json_ask(who, "secretsmanager", "secretsmanager.GetSecretValue", SecretId=name)


def test_reading_needs_the_key_for_this_secret(account: Account, key: Any) -> None:
    without = account.user("without", SECRETS)
    refused = get(account, without, "druid/metadata")
    assert (refused.status, f"kms:Decrypt on resource: {key.arn}" in refused.text) == (400, True)
    assert get(account, without, "plain").status == 200
    arn = str(sealed._secret("druid/metadata").arn)
    through = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com", "kms:EncryptionContext:SecretARN": arn}
    reader = account.user("reader", SECRETS, allow("kms:Decrypt", key.arn, Condition={"StringEquals": through}))
    assert "a password" in get(account, reader, "druid/metadata").text


def test_writing_needs_a_data_key(account: Account, key: Any) -> None:
    put = list(sealed.checks("PutSecretValue", {"SecretId": "druid/metadata"}))
    assert [check.action for check in put] == ["kms:GenerateDataKey", "kms:Decrypt"]
    made = list(sealed.checks("CreateSecret", {"Name": "new", "KmsKeyId": key.id}))
    assert [check.resource for check in made] == [key.arn, key.arn]
    assert list(sealed.checks("DescribeSecret", {"SecretId": "druid/metadata"})) == []
    assert list(sealed.checks("GetSecretValue", {"SecretId": "none"})) == []
