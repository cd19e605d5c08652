"""Tests of Druid as a connection type: its form as Airflow reads it, and its Test button."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import BaseHook, Connection

from druid_reindex.clients import druid_probe
from druid_reindex.errors import NotAuthorizedError
from druid_reindex.operators.connection_types import DruidConnectionHook, console_url
from druid_reindex.operators.provider_info import get_provider_info

PASSWORD = "canary-password"


def saved(monkeypatch: pytest.MonkeyPatch, **fields: object) -> DruidConnectionHook:
    """The hook of a connection with ``fields``."""
    connection = Connection(conn_id="druid_phi", conn_type="druid_reindex_druid", **fields)  # type: ignore[arg-type]
    monkeypatch.setattr(BaseHook, "get_connection", lambda _conn_id: connection)
    return DruidConnectionHook(druid_conn_id="druid_phi")


def answers(monkeypatch: pytest.MonkeyPatch, found: dict[str, str] | Exception) -> None:
    def probe(_config: object) -> dict[str, str]:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(druid_probe, "probe", probe)


def test_airflow_reads_the_form() -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = [each for each in HookMetaService.hook_meta_data() if each.connection_type == "druid_reindex_druid"]
    assert form.hook_name == "Druid (reindex)"
    assert form.extra_fields is not None
    assert set(form.extra_fields) == {"overlord_url", "coordinator_url", "broker_url", "console_url", "ca_file"}
    assert form.standard_fields is not None
    assert form.standard_fields.host is not None
    assert form.standard_fields.host.title == "Router's host"


def test_the_types_hook_is_the_one_that_airflow_is_told_of() -> None:
    (kind,) = get_provider_info()["connection-types"]
    assert kind["hook-class-name"] == f"{DruidConnectionHook.__module__}.{DruidConnectionHook.__name__}"
    assert kind["connection-type"] == DruidConnectionHook.conn_type
    assert kind["hook-name"] == DruidConnectionHook.hook_name


def test_the_test_tells_releases_user_and_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = saved(monkeypatch, host="druid.example.org", port=9088, login="airflow", password=PASSWORD)
    answers(monkeypatch, {"Overlord": "25.0.0", "Broker": "25.0.0"})
    works, told = hook.test_connection()
    assert works
    assert told == (
        "Druid answers: Overlord 25.0.0, Broker 25.0.0. User: airflow. "
        "TLS, checked against the authorities of the system."
    )


def test_the_test_tells_of_clear_text(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, {"Overlord": "25.0.0"})
    works, told = saved(monkeypatch, host="127.0.0.1", schema="http").test_connection()
    assert (
        works,
        told.endswith("User: none. Not encrypted: at least one URL is http, and nights of protected data refuse it."),
    ) == (True, True)


def test_the_test_tells_the_failure_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = saved(monkeypatch, host="druid.example.org", login="airflow", password=PASSWORD)
    wrong = NotAuthorizedError("query Druid", resource="https://druid.example.org", came_back="HTTP 401", remedy="look")
    answers(monkeypatch, wrong)
    assert hook.test_connection() == (False, str(wrong))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "no URL: looked at the extra overlord_url, then at host"),
        ({"host": "druid.example.org", "schema": "http"}, "clear text"),
        ({"host": "druid.example.org", "extra": json.dumps({"ca_file": "/nowhere/ca.pem"})}, "CA bundle"),
    ],
)
def test_a_connection_that_cannot_work_is_told_as_such(
    fields: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, told = saved(monkeypatch, login="airflow", password=PASSWORD, **fields).test_connection()
    assert not works
    assert said in told
    assert PASSWORD not in told


def test_the_web_consoles_url(monkeypatch: pytest.MonkeyPatch) -> None:
    saved(monkeypatch, extra=json.dumps({"console_url": "https://druid.example.org:9088"}))
    assert console_url("druid_phi") == "https://druid.example.org:9088"
    for extra in ({}, {"console_url": "http://druid.example.org:8888"}):
        saved(monkeypatch, extra=json.dumps(extra))
        assert console_url("druid_phi") == ""
