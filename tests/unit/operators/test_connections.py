"""Tests of Airflow connections as clients."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from airflow.sdk import BaseHook, Connection

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.emr import EmrClient
from druid_reindex.clients.journal import SPOOL_VARIABLE, journalled
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.secrets import SecretsClient
from druid_reindex.errors import ConfigurationError, NoAnswerError
from druid_reindex.operators import connections
from journals import BINDING, aws_calls_in


def connection(**fields: object) -> Connection:
    return Connection(conn_id="druid_phi", conn_type="http", **fields)  # type: ignore[arg-type]


def test_an_extra_names_a_server_else_host_and_port_do() -> None:
    both = connection(host="router", port=9088, schema="https", extra=json.dumps({"broker_url": "https://broker:8282"}))
    assert connections.server_url(both, "broker_url") == "https://broker:8282"
    assert connections.server_url(both, "overlord_url") == "https://router:9088"
    assert connections.server_url(connection(host="router"), "overlord_url") == "https://router"


def test_a_missing_url_lists_every_place_looked() -> None:
    with pytest.raises(ConfigurationError, match="looked at the extra broker_url, then at host"):
        connections.server_url(connection(), "broker_url")


def test_a_password_over_plain_http_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connection(host="druid.example.org", schema="http", login="u", password="canary-password")
    monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id: found)
    with pytest.raises(ConfigurationError) as error:
        connections.druid_client("druid_phi", protected=False)
    assert "canary-password" not in str(error.value)


def test_druid_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id: connection(host="127.0.0.1", schema="http"))
    with connections.druid_client("druid_general", protected=False) as client:
        assert isinstance(client, DruidClient)


def test_protected_data_go_over_tls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is no exception, a user's password or none makes no difference, and each URL counts."""
    plain = connection(host="127.0.0.1", schema="http", port=8082)
    one = connection(host="druid.example.org", extra=json.dumps({"broker_url": "http://127.0.0.1:8082"}))
    for found in (plain, one):
        monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id, found=found: found)
        with pytest.raises(ConfigurationError, match=r"plain http.*protected health information.*https://.*ca_file"):
            connections.druid_client("druid_phi", protected=True)

        async def connect(found: Connection = found) -> None:
            async def get(_conn_id: str) -> Connection:
                return found

            monkeypatch.setattr(BaseHook, "aget_connection", get)
            async with connections.async_druid("druid_phi", protected=True):
                raise AssertionError("it was opened")

        with pytest.raises(ConfigurationError, match="plain http"):
            asyncio.run(connect())


def test_clients_of_aws_are_made_of_the_amazon_providers_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_PHI", "aws://AKIDEXAMPLE:secret@/?region_name=eu-west-1")
    session = connections.aws_session("aws_phi", "us-east-1")
    assert session.region_name == "us-east-1"
    credentials = session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "AKIDEXAMPLE"
    assert isinstance(connections.emr_client("aws_phi", "us-east-1"), EmrClient)
    assert isinstance(connections.s3_client("aws_phi", "us-east-1"), S3Client)
    assert isinstance(connections.secrets_client("aws_phi", "us-east-1"), SecretsClient)


def test_a_role_that_cannot_be_become_is_an_error_that_names_the_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    role = {"role_arn": "arn:aws:iam::111122223333:role/DrxAirflowPhi"}
    found = {"conn_type": "aws", "login": "AKIDEXAMPLE", "password": "canary-key", "extra": role}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_PHI", json.dumps(found))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    with journalled(BINDING) as journal, pytest.raises(NoAnswerError, match="Airflow connection aws_phi"):
        connections.aws_session("aws_phi", "us-east-1")
    (call,) = aws_calls_in(journal.path)
    assert (call.operation, call.access_key_id, call.status) == ("AssumeRole", "AKIDEXAMPLE", None)
    assert "canary" not in journal.path.read_text()


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        (
            {"host": "router", "port": 9088, "extra": json.dumps({"broker_url": "https://broker:8282"})},
            ("router", 9088),
        ),
        ({"extra": json.dumps({"broker_url": "https://broker:8282"})}, ("broker", 8282)),
        ({"host": "router", "schema": "https"}, ("router", 443)),
        ({"host": "router", "schema": "http"}, ("router", 80)),
    ],
)
def test_druid_has_one_address_by_which_it_is_named(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], address: tuple[str, int]
) -> None:
    monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id: connection(**fields))
    assert connections.druid_address("druid_phi") == address
