"""TLS and users in Druid's properties; real processes run with them in the tests marked `sandbox`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from druid_reindex.model.pipeline import Classification
from druid_reindex.sandbox import druid_security
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.state import Endpoints

ENDPOINTS = Endpoints("https://a", "https://127.0.0.1:1", "https://127.0.0.1:2", "https://127.0.0.1:3", 4, None)


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


def test_only_tls_1_2_and_newer_is_spoken(home: SandboxHome) -> None:
    found = druid_security.properties(home)
    assert (found["druid.enablePlaintextPort"], found["druid.enableTlsPort"]) == ("false", "true")
    assert found["druid.server.https.includeProtocols"] == ["TLSv1.2", "TLSv1.3"]
    assert found["druid.client.https.validateHostnames"] == "true"
    assert found["druid.client.https.trustStorePath"] == home.truststore


def test_everybody_logs_in_and_is_judged(home: SandboxHome) -> None:
    found = druid_security.properties(home)
    (authenticator,), (authorizer,) = found["druid.auth.authenticatorChain"], found["druid.auth.authorizers"]  # type: ignore[misc]
    assert found[f"druid.auth.authenticator.{authenticator}.type"] == "basic"
    assert found[f"druid.auth.authorizer.{authorizer}.type"] == "basic"
    assert found["druid.escalator.type"] == "basic"


def test_each_password_is_the_value_of_a_variable(home: SandboxHome) -> None:
    found, variables = druid_security.properties(home), druid_security.environment(home)
    named = {
        value["variable"]  # type: ignore[index]
        for name, value in found.items()
        if name.lower().endswith("password") and "trustStore" not in name
    }
    assert named == set(variables)
    assert not [value for value in variables.values() if value in json.dumps(found, default=str)]
    assert set(variables.values()) <= set(home.known_secrets().values())


def test_each_user_has_a_password_of_its_own(home: SandboxHome) -> None:
    admin = druid_security.admin_config(home, ENDPOINTS)
    users = [druid_security.api_config(home, ENDPOINTS, kind) for kind in Classification]
    assert [each.user for each in (admin, *users)] == ["admin", "airflow_phi", "airflow_general"]
    assert len({each.password for each in (admin, *users)}) == 3
    assert {each.ca_file for each in (admin, *users)} == {home.ca_file}
