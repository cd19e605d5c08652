"""The looks at Druid: names, certificates, release, user."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from druid_reindex.cli import doctor_druid
from druid_reindex.cli.doctor_report import Line, Mark, examine
from druid_reindex.clients import probes
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.druid_server import Handshake
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_server import CONFIG, DruidServer, client
from twins import FakeDruid

ROOT = Path(__file__).parents[3]
PIPELINE = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", load_boundaries(ROOT / "emr_configs"))
PLAIN = DruidConfig("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "resolve", lambda _host, _port: ("10.0.0.1",))
    monkeypatch.setattr(probes, "handshake", lambda *_, **__: Handshake("TLSv1.3"))
    served(monkeypatch, DruidServer("36.0.0", FakeDruid()))


def served(monkeypatch: pytest.MonkeyPatch, handler: object) -> None:
    def make(config: DruidConfig) -> DruidClient:
        assert config.deadline_seconds == 0.0, "each question is asked once"
        return client(handler, config)

    monkeypatch.setattr(doctor_druid, "DruidClient", make)


def looked(config: DruidConfig, pipeline: Pipeline = PIPELINE) -> dict[str, Line]:
    checks = doctor_druid.druid_checks(pipeline, lambda: config)
    return {line.name: line for line in examine(checks, lambda _name: None)}


def test_all_is_good_over_tls() -> None:
    lines = looked(CONFIG)
    assert {line.outcome.mark for line in lines.values()} == {Mark.GOOD}
    assert lines["Druid's address"].outcome.found == "druid is 10.0.0.1"
    assert lines["Druid's TLS"].outcome.found.count("verifies, TLSv1.3") == 3
    assert lines["Druid's release"].outcome.found == "36.0.0 runs engine hadoop"
    assert lines["Druid's user"].outcome.found.startswith("airflow, reads patient_vitals")


def test_plain_http_is_for_general_pipelines_on_loopback_alone() -> None:
    protected = looked(PLAIN)["Druid's TLS"].outcome
    assert (protected.mark, "plain HTTP to 127.0.0.1:1" in protected.found) == (Mark.WRONG, True)
    general = PIPELINE.model_copy(update={"classification": Classification.GENERAL})
    assert looked(PLAIN, general)["Druid's TLS"].outcome.found == "plain HTTP on loopback"
    away = looked(replace(PLAIN, broker_url="http://druid:8082"), general)
    assert away["Druid's TLS"].outcome.mark is Mark.WRONG
    assert "plain HTTP to druid:8082" in away["Druid's TLS"].outcome.found
    assert away["Druid's user"].outcome.mark is Mark.UNREAD


def test_a_refused_user_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, lambda _request: httpx.Response(403))
    assert looked(CONFIG)["Druid's user"].outcome.mark is Mark.WRONG


def test_a_silent_server_is_not_wrong_but_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, lambda _request: httpx.Response(503))
    assert looked(CONFIG)["Druid's user"].outcome.mark is Mark.UNREAD


def test_nobody_says_where_druid_is() -> None:
    def nowhere() -> DruidConfig:
        raise ConfigurationError("find Druid", resource="here", came_back="not set", remedy="set it")

    lines = list(examine(doctor_druid.druid_checks(PIPELINE, nowhere), lambda _name: None))
    assert [line.outcome.mark for line in lines] == [Mark.WRONG, *[Mark.UNREAD] * 3]
