"""Secrets Manager, on stubbed answers."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from druid_reindex.clients.secrets import SecretsClient
from druid_reindex.errors import IntegrityError, NotAuthorizedError, NotFoundError

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
CANARY = "canary-secret"


@pytest.fixture
def secrets() -> SecretsClient:
    return SecretsClient(boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1"))


@pytest.fixture
def stub(secrets: SecretsClient) -> Iterator[Stubber]:
    with Stubber(secrets._secrets) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_secret_that_is_not_there_is_none(secrets: SecretsClient, stub: Stubber) -> None:
    stub.add_client_error("get_secret_value", "ResourceNotFoundException", http_status_code=400)
    assert secrets.text("druid") is None


def test_a_secret_that_may_not_be_read_is_no_absent_one(secrets: SecretsClient, stub: Stubber) -> None:
    stub.add_client_error("get_secret_value", "AccessDeniedException", "Access to KMS is not allowed", 400)
    with pytest.raises(NotAuthorizedError):
        secrets.text("druid")


@pytest.mark.parametrize("text", ["pass word", '{"username": "airflow", "password": "pass word"}'])
def test_a_password_stands_alone_or_under_its_name(secrets: SecretsClient, stub: Stubber, text: str) -> None:
    stub.add_response("get_secret_value", {"SecretString": text}, {"SecretId": "druid"})
    assert secrets.password("druid") == "pass word"


@pytest.mark.parametrize("text", [f'{{"token": "{CANARY}"}}', f'["{CANARY}"]', '{"password": 7}'])
def test_json_without_a_password_is_refused_and_not_quoted(secrets: SecretsClient, stub: Stubber, text: str) -> None:
    stub.add_response("get_secret_value", {"SecretString": text})
    with pytest.raises(IntegrityError) as error:
        secrets.password("druid")
    assert CANARY not in str(error.value)


def test_a_password_that_is_not_there_is_an_error(secrets: SecretsClient, stub: Stubber) -> None:
    stub.add_client_error("get_secret_value", "ResourceNotFoundException", http_status_code=400)
    with pytest.raises(NotFoundError):
        secrets.password("druid")


def test_a_secret_is_made_under_the_key(secrets: SecretsClient, stub: Stubber) -> None:
    expected = {"Name": "ca", "SecretString": "text", "KmsKeyId": KEY, "Description": "why"}
    stub.add_response("create_secret", {"Name": "ca"}, expected)
    assert secrets.make("ca", "text", kms_key_arn=KEY, description="why") == "text"


def test_who_comes_second_takes_what_is_there(secrets: SecretsClient, stub: Stubber) -> None:
    stub.add_client_error("create_secret", "ResourceExistsException", http_status_code=400)
    stub.add_response("get_secret_value", {"SecretString": "the first one's"})
    assert secrets.make("ca", "text", kms_key_arn=KEY, description="why") == "the first one's"


def test_a_secret_is_read(secrets: SecretsClient, stub: Stubber) -> None:
    stub.add_response("get_secret_value", {"SecretString": '{"user": "u", "password": "p"}'}, {"SecretId": "kdc"})
    assert secrets.read("kdc") == {"user": "u", "password": "p"}


@pytest.mark.parametrize(
    "text", [CANARY, f'"{CANARY}"', f'["{CANARY}"]', f'{{"password": 42, "x": "{CANARY}"}}', f'{{"{CANARY}": ']
)
def test_what_is_no_object_of_texts_is_refused_and_not_told(secrets: SecretsClient, stub: Stubber, text: str) -> None:
    stub.add_response("get_secret_value", {"SecretString": text})
    with pytest.raises(IntegrityError, match="kdc") as refusal:
        secrets.read("kdc")
    assert CANARY not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "kind"), [("ResourceNotFoundException", NotFoundError), ("AccessDeniedException", NotAuthorizedError)]
)
def test_refusals(secrets: SecretsClient, stub: Stubber, code: str, kind: type[Exception]) -> None:
    stub.add_client_error("get_secret_value", code, "no", 400)
    with pytest.raises(kind, match="kdc"):
        secrets.read("kdc")
