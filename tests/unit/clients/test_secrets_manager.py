"""Secrets are JSON objects of texts; what is none is refused without quoting it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from druid_reindex.clients.secrets_manager import SecretsManagerClient
from druid_reindex.errors import IntegrityError, NotAuthorizedError, NotFoundError

ID = "druid-reindex/kdc"


@pytest.fixture
def vault() -> SecretsManagerClient:
    return SecretsManagerClient(boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1"))


@pytest.fixture
def stub(vault: SecretsManagerClient) -> Iterator[Stubber]:
    with Stubber(vault._secrets) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_secret_is_read(vault: SecretsManagerClient, stub: Stubber) -> None:
    stub.add_response("get_secret_value", {"SecretString": '{"user": "u", "password": "p"}'}, {"SecretId": ID})
    assert vault.read(ID) == {"user": "u", "password": "p"}


@pytest.mark.parametrize("text", ["xyzzy", '"xyzzy"', '["xyzzy"]', '{"password": 42, "x": "xyzzy"}', '{"xyzzy": '])
def test_what_is_no_object_of_texts_is_refused_and_not_told(
    vault: SecretsManagerClient, stub: Stubber, text: str
) -> None:
    stub.add_response("get_secret_value", {"SecretString": text})
    with pytest.raises(IntegrityError, match=ID) as refusal:
        vault.read(ID)
    assert "xyzzy" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "kind"), [("ResourceNotFoundException", NotFoundError), ("AccessDeniedException", NotAuthorizedError)]
)
def test_refusals(vault: SecretsManagerClient, stub: Stubber, code: str, kind: type[Exception]) -> None:
    stub.add_client_error("get_secret_value", code, "no", 400)
    with pytest.raises(kind, match=ID):
        vault.read(ID)
