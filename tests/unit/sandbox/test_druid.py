"""Druid's processes as service specifications; they run for real in the tests marked `sandbox`."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.errors import DeadlineError
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import druid
from druid_reindex.sandbox.distributions import DruidLayout
from druid_reindex.sandbox.druid_conf import DeepStorage, DruidSite
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.pki import ensure_ca
from druid_reindex.sandbox.postgres import Database

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"


@pytest.fixture
def site(tmp_path: Path) -> DruidSite:
    home = SandboxHome(tmp_path / "root", tmp_path / "cache")
    return DruidSite(
        home=home,
        layout=DruidLayout(tmp_path, tmp_path / "lib", tmp_path / "extensions", tmp_path / "hadoop-dependencies"),
        ports=druid.choose_ports(),
        metadata=Database("druid", "druid", 1, home),
        storage=DeepStorage(
            S3Uri("drx-phi-111122223333", "druid/segments/"),
            S3Uri("drx-phi-111122223333", "druid/logs/"),
            KEY,
            "us-east-1",
            "https://127.0.0.1:2",
        ),
        aws_environment={"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example-secret"},
    )


def admin(site: DruidSite) -> DruidConfig:
    ensure_ca(site.home)
    return DruidConfig(*["https://127.0.0.1:2"] * 3, "admin", "secret", site.home.ca_file)


def coordinator(monkeypatch: pytest.MonkeyPatch, workers: list[list[str]]) -> list[httpx.Request]:
    """Answer as a coordinator whose overlord lists `workers`, one answer after the other."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=workers.pop(0) if request.method == "GET" and workers else [])

    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: client(**options, transport=httpx.MockTransport(answer)))
    monkeypatch.setattr(druid, "POLL_SECONDS", 0.01)
    return seen


def test_zookeeper_comes_first(site: DruidSite) -> None:
    names = [spec.name for spec in druid.druid_services(site)]
    assert names == ["zookeeper", "coordinator", "broker", "historical", "middleManager"]


def test_secrets_travel_in_the_environment_alone(site: DruidSite) -> None:
    zookeeper, *processes = druid.druid_services(site)
    assert not [name for name in zookeeper.env if "PASSWORD" in name or name.startswith("AWS")]
    for spec in processes:
        assert spec.env["AWS_SECRET_ACCESS_KEY"] == "example-secret"
        assert spec.env["DRUID_METADATA_PASSWORD"] == site.metadata.password
        passwords = {spec.env[f"DRUID_{name}_PASSWORD"] for name in ("ADMIN", "INTERNAL", "KEYSTORE")}
        assert len(passwords) == 3
        assert not {"example-secret", site.metadata.password, *passwords} & set(" ".join(spec.argv).split("="))


def test_the_state_of_an_earlier_account_is_dropped(site: DruidSite) -> None:
    stale = [site.work / "segment-cache" / "old", site.home.data("zookeeper") / "old"]
    for file in stale:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    druid.druid_services(site)
    assert not any(file.exists() for file in stale)


def test_ports_differ_and_there_is_one_for_each_peon() -> None:
    ports = druid.choose_ports()
    assert len(ports.peons) >= druid.WORKER_CAPACITY
    single = (ports.zookeeper, ports.coordinator, ports.broker, ports.historical, ports.middle_manager)
    assert len({*single, *ports.peons}) == 5 + len(ports.peons)


def test_settling_waits_for_a_worker(site: DruidSite, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = coordinator(monkeypatch, [[], [], ["worker"]])
    druid.settle(admin(site))
    assert [request.method for request in seen] == ["POST", "POST", "GET", "GET", "GET"]
    assert all(request.headers["authorization"].startswith("Basic ") for request in seen)
    assert seen[0].url.path == "/druid/coordinator/v1/rules/_default"
    assert b'"_default_tier":1' in seen[0].content.replace(b" ", b"")
    assert seen[1].url.path == "/druid/coordinator/v1/config"
    assert json.loads(seen[1].content) == {"maxSegmentsInNodeLoadingQueue": 0}


def test_no_worker_in_time_is_an_error(site: DruidSite, monkeypatch: pytest.MonkeyPatch) -> None:
    coordinator(monkeypatch, [])
    monkeypatch.setattr(druid, "SETTLE_SECONDS", 0.05)
    with pytest.raises(DeadlineError, match=r"middleManager\.log"):
        druid.settle(admin(site))
