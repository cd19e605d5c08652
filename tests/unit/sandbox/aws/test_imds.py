"""The instance metadata service, version 2 alone."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError

import pytest

from druid_reindex.sandbox.aws import imds
from druid_reindex.sandbox.aws.site import Credentials

ADDRESS = "127.77.254.254"


class Issuer:
    def __init__(self) -> None:
        self.count = 0
        self.lifetime = timedelta(hours=1)

    def __call__(self) -> Credentials:
        self.count += 1
        expires = datetime.now(UTC) + self.lifetime
        return Credentials(f"ASIA{self.count}", "a secret", "a token", expires.strftime("%Y-%m-%dT%H:%M:%SZ"))


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def service(issuer: Issuer) -> Iterator[imds.MetadataService]:
    started = imds.MetadataService(
        (ADDRESS, imds.PORT), "Node", issuer, {"instance-id": "i-1", "placement/region": "us-east-1"}
    )
    yield started
    started.stop()


def ask(service: imds.MetadataService, path: str, method: str = "GET", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{service.url}{path}", method=method, headers=named)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.read().decode())


def status(service: imds.MetadataService, path: str, method: str = "GET", **headers: str) -> int:
    with pytest.raises(HTTPError) as refused:
        ask(service, path, method, **headers)
    refused.value.close()
    return refused.value.code


def token(service: imds.MetadataService) -> str:
    return ask(service, "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")


def test_nothing_is_told_without_a_token(service: imds.MetadataService, issuer: Issuer) -> None:
    assert status(service, imds.CREDENTIALS_PATH) == 401
    assert status(service, imds.CREDENTIALS_PATH, X_aws_ec2_metadata_token="guessed") == 401
    assert issuer.count == 0


@pytest.mark.parametrize("seconds", ["0", "21601", "soon", ""])
def test_a_token_lives_one_second_to_six_hours(service: imds.MetadataService, seconds: str) -> None:
    assert status(service, "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=seconds) == 400


def test_role_credentials_and_facts(service: imds.MetadataService, issuer: Issuer) -> None:
    opened = {"X_aws_ec2_metadata_token": token(service)}
    assert ask(service, imds.CREDENTIALS_PATH, **opened) == "Node"
    document = json.loads(ask(service, f"{imds.CREDENTIALS_PATH}Node", **opened))
    assert (document["Code"], document["AccessKeyId"]) == ("Success", "ASIA1")
    assert ask(service, "/latest/meta-data/placement/region", **opened) == "us-east-1"
    identity = json.loads(ask(service, "/latest/dynamic/instance-identity/document", **opened))
    assert identity["instanceId"] == "i-1"
    assert status(service, "/latest/meta-data/nothing", **opened) == 404


def test_credentials_are_renewed_before_they_expire(service: imds.MetadataService, issuer: Issuer) -> None:
    assert service.credentials() == service.credentials()
    issuer.lifetime = timedelta(seconds=imds.RENEW_SECONDS - 60)
    fresh = imds.MetadataService(("127.77.254.253", imds.PORT), "Node", issuer, {})
    assert fresh.credentials() != fresh.credentials()
    fresh.stop()
