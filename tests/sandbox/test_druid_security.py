"""Druid under TLS with users: what the sandbox's real servers refuse, and to whom."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig, client_arguments
from druid_reindex.errors import NotAuthorizedError
from druid_reindex.model.pipeline import Classification
from druid_reindex.sandbox.druid_security import admin_config, api_config
from real_sandbox import VITALS, Sandbox, processes

pytestmark = pytest.mark.sandbox

USERS = "/druid-ext/basic-security/authentication/db/basic/users"


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """The Coordinator, which is the Overlord as well, for the user of Airflow's connection."""
    config = api_config(sandbox.home, sandbox.endpoints, Classification.PHI)
    with httpx.Client(**client_arguments(config), base_url=config.coordinator_url) as client:
        yield client


def test_every_server_has_a_tls_port_and_no_other(sandbox: Sandbox) -> None:
    servers = sandbox.druid.query("SELECT server_type, plaintext_port, tls_port FROM sys.servers")
    assert {"coordinator", "overlord", "broker", "historical", "middle_manager"} <= {s["server_type"] for s in servers}
    assert [s for s in servers if s["plaintext_port"] != -1 or s["tls_port"] <= 0] == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_old_tls_and_clear_text_are_not_answered(sandbox: Sandbox) -> None:
    """The server itself refuses: OpenSSL below its security level 1 would speak TLS 1.1."""
    old = ssl.create_default_context(cafile=str(sandbox.home.ca_file))
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    for url in {sandbox.endpoints.druid, sandbox.endpoints.coordinator}:
        with (
            httpx.Client(verify=old, trust_env=False) as client,
            pytest.raises(httpx.ConnectError, match="ALERT_PROTOCOL_VERSION"),
        ):
            client.get(f"{url}/status/health")
        with httpx.Client(trust_env=False) as client, pytest.raises(httpx.TransportError):
            client.get(f"{url.replace('https://', 'http://')}/status/health")


@pytest.mark.parametrize("login", [None, ("admin", "druid"), ("druid_system", "druid"), ("airflow_phi", "x")])
def test_nobody_is_let_in_without_a_password_of_his_own(sandbox: Sandbox, login: tuple[str, str] | None) -> None:
    trusted = ssl.create_default_context(cafile=str(sandbox.home.ca_file))
    paths = {
        sandbox.endpoints.coordinator: "/druid/coordinator/v1/datasources",
        sandbox.endpoints.overlord: "/druid/indexer/v1/tasks",
        sandbox.endpoints.druid: "/druid/v2/datasources",
    }
    with httpx.Client(verify=trusted, trust_env=False, auth=login) as client:
        assert {client.get(url + path).status_code for url, path in paths.items()} == {401}


def test_the_gate_may_read_what_it_judges(api: httpx.Client) -> None:
    properties = api.get("/status/properties").raise_for_status().json()
    assert json.loads(properties["druid.auth.authorizers"]) == ["basic"]
    assert properties["druid.auth.authorizer.basic.type"] == "basic"
    assert properties["druid.escalator.type"] == "basic"
    assert (properties["druid.storage.type"], properties["druid.storage.sse.type"]) == ("s3", "kms")
    assert properties["druid.coordinator.kill.on"] == "false"
    assert api.get("/druid/coordinator/v1/config").status_code == 200
    assert api.get("/status").raise_for_status().json()["version"] == "25.0.0"


OTHER = "somebody_elses"
REFUSED = {
    "tasks of another datasource": ("POST", "/druid/indexer/v1/task", {
        "type": "kill", "id": "kill_somebody_elses", "dataSource": OTHER, "interval": "2026-01-01/2026-01-02"}),
    "segments of another datasource": ("POST", f"/druid/coordinator/v1/datasources/{OTHER}/markUnused", {
        "interval": "2026-01-01/2026-01-02"}),
    "all of another datasource": ("DELETE", f"/druid/coordinator/v1/datasources/{OTHER}", None),
    "load rules": ("POST", "/druid/coordinator/v1/rules/_default", []),
    "the coordinator's configuration": ("POST", "/druid/coordinator/v1/config", {"maxSegmentsToMove": 0}),
    "a new user": ("POST", f"{USERS}/intruder", None),
    "the administrator's password": ("POST", f"{USERS}/admin/credentials", {"password": "mine"}),
    "more for itself": ("POST", "/druid-ext/basic-security/authorization/db/basic/users/airflow_phi/roles/admin", None),
    "an action of a task": ("POST", "/druid/indexer/v1/action", {}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_airflows_user_may_do_what_nights_need_and_no_more(api: httpx.Client, what: str) -> None:
    method, path, body = REFUSED[what]
    assert api.request(method, path, json=body).status_code == 403


def test_a_general_pipelines_user_sees_no_protected_data(sandbox: Sandbox) -> None:
    config = api_config(sandbox.home, sandbox.endpoints, Classification.GENERAL)
    with DruidClient(config) as druid:
        assert druid.query("SELECT segment_id FROM sys.segments LIMIT 1") == []
        with pytest.raises(NotAuthorizedError, match="403"):
            druid.query(f'SELECT COUNT(*) AS n FROM "{VITALS}"')


def test_the_command_changes_nothing_when_all_is_there_and_takes_back_what_is_too_much(sandbox: Sandbox) -> None:
    admin = admin_config(sandbox.home, sandbox.endpoints)
    every = sorted(map(str, (sandbox.checkout / "dags" / "pipelines").glob("*.yaml")))
    fewer = [file for file in every if not file.endswith("patient_steps.yaml")]
    assert "nothing to change" in _druid_user(sandbox, admin, *every)
    assert "no longer WRITE DATASOURCE patient_steps" in _druid_user(sandbox, admin, *fewer)
    assert "changed: WRITE DATASOURCE patient_steps" in _druid_user(sandbox, admin, *every)


def test_no_password_stands_in_a_command_line_or_in_a_file_of_druid(sandbox: Sandbox) -> None:
    secrets = {value for name, value in sandbox.home.known_secrets().items() if name.startswith("druid_")}
    assert len(secrets) == 4
    lines = [" ".join(process.cmdline()) for process in processes(sandbox.home)]
    assert any("org.apache.druid.cli.Main" in line for line in lines)
    places = [*lines, *(file.read_text() for file in sandbox.home.conf("druid").rglob("*") if file.is_file())]
    assert [place for place in places if any(secret in place for secret in secrets)] == []


def _druid_user(sandbox: Sandbox, admin: DruidConfig, *files: str) -> str:
    """What the command says, run by Druid's administrator with the user's present password."""
    command = [sys.executable, "-m", "druid_reindex.cli", "druid-user", *files, "--apply"]
    done = subprocess.run(
        [*command, "--configs", str(sandbox.checkout / "emr_configs")],
        input=f"{api_config(sandbox.home, sandbox.endpoints, Classification.PHI).password}\n",
        env={
            "PATH": "/usr/bin:/bin",
            "DRUID_URL": admin.broker_url,
            "DRUID_COORDINATOR_URL": admin.coordinator_url,
            "DRUID_OVERLORD_URL": admin.overlord_url,
            "DRUID_USER": admin.user,
            "DRUID_PASSWORD": admin.password,
            "DRUID_CA_FILE": str(admin.ca_file),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
