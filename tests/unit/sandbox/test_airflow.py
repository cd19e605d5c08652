"""The night's Airflow as service specifications; it runs for real in the tests marked `sandbox`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.sandbox import airflow, state
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import SandboxStartError, ServiceSpec
from druid_reindex.sandbox.state import Endpoints, Phase, SandboxState

ENDPOINTS = Endpoints(
    "https://127.0.0.1:1",
    "http://127.0.0.1:2",
    "http://127.0.0.1:3",
    "http://127.0.0.1:4",
    5,
    "https://127.0.0.1:6",
)


@dataclass
class Migration:
    """Stands for the process that migrates the database."""

    status: int = 0
    specs: list[ServiceSpec] = field(default_factory=list)

    def start(self, spec: ServiceSpec) -> Migration:
        self.specs.append(spec)
        return self

    def wait(self, _seconds: float) -> int:
        return self.status

    def failure(self, came_back: str) -> SandboxStartError:
        return SandboxStartError("migrate", resource="log", came_back=came_back, remedy="read it")


@pytest.fixture
def migration(monkeypatch: pytest.MonkeyPatch) -> Migration:
    made = Migration()
    monkeypatch.setattr(airflow, "OwnedProcess", made)
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxHome:
    """A home whose account has an endpoint and whose services were announced."""
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("AWS_PROFILE", "production")
    made = SandboxHome(tmp_path / "root", tmp_path / "cache")
    aws.aws_service(made, 1)
    monkeypatch.setattr(airflow, "endpoints", lambda _home: ENDPOINTS)
    return made


@pytest.fixture
def services(home: SandboxHome, migration: Migration) -> list[ServiceSpec]:
    return airflow.airflow_services(home)


def test_each_component_is_a_process_of_its_own_on_a_migrated_database(
    services: list[ServiceSpec], migration: Migration
) -> None:
    assert [spec.argv[3:] for spec in migration.specs] == [("db", "migrate")]
    assert [spec.argv[3] for spec in services] == ["api-server", "scheduler", "dag-processor", "triggerer"]
    assert {spec.argv[4:] for spec in services if spec.argv[3] in {"scheduler", "triggerer"}} == {
        ("--skip-serve-logs",)
    }
    assert [spec.name for spec in services if spec.ready] == ["airflow-api-server"]


def test_a_database_that_cannot_be_migrated_stops_the_start(home: SandboxHome, migration: Migration) -> None:
    migration.status = 1
    with pytest.raises(SandboxStartError, match="could not be migrated"):
        airflow.airflow_services(home)


def test_only_what_the_sandbox_says_reaches_airflow(services: list[ServiceSpec]) -> None:
    env = services[0].env
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert env["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert (env["AIRFLOW__API__HOST"], env["AIRFLOW__API__PORT"]) == ("127.0.0.1", "6")
    assert env["AWS_ENDPOINT_URL"] == "https://127.0.0.1:1"
    assert "AWS_PROFILE" not in env
    assert Fernet(env["AIRFLOW__CORE__FERNET_KEY"])


def test_lineage_is_written_to_one_file_below_the_home_by_airflow_and_by_commands(
    home: SandboxHome, services: list[ServiceSpec]
) -> None:
    env = services[0].env
    transport = json.loads(env["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    assert transport == {"type": "file", "log_file_path": str(airflow.lineage_file(home)), "append": True}
    assert airflow.lineage_file(home).is_relative_to(home.root)
    beside = airflow.lineage_environment(home)
    assert json.loads(beside["OPENLINEAGE__TRANSPORT"]) == transport
    assert beside["OPENLINEAGE_NAMESPACE"] == env["AIRFLOW__OPENLINEAGE__NAMESPACE"] == "sandbox"


def test_secrets_stand_in_the_environment_and_in_private_files_alone(
    home: SandboxHome, services: list[ServiceSpec]
) -> None:
    passwords = Path(services[0].env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert passwords.stat().st_mode & 0o077 == 0
    assert json.loads(passwords.read_text()) == {airflow.USER: home.secret(airflow.PASSWORD_SECRET)}
    shown = "".join(repr(spec) for spec in services)
    assert not [name for name, value in home.known_secrets().items() if value in shown]


def test_the_connections_are_those_that_the_boundaries_name(home: SandboxHome, services: list[ServiceSpec]) -> None:
    boundaries = load_boundaries(aws.emr_configs())
    role_of = {"aws_phi": "DrxAirflowPhi", "aws_general": "DrxAirflowGeneral"}
    for boundary in (boundaries.phi, boundaries.general):
        druid = json.loads(services[0].env[f"AIRFLOW_CONN_{boundary.druid_conn_id.upper()}"])
        assert druid["extra"] == {
            "overlord_url": "http://127.0.0.1:4",
            "coordinator_url": "http://127.0.0.1:3",
            "broker_url": "http://127.0.0.1:2",
            "ca_file": str(home.ca_file),
        }
        user = f"airflow_{boundary.pool.rpartition('_')[2]}"
        assert (druid["login"], druid["password"]) == (user, home.secret(f"druid_{user}_password"))
        account = json.loads(services[0].env[f"AIRFLOW_CONN_{boundary.aws_conn_id.upper()}"])
        role = f"arn:aws:iam::111122223333:role/{role_of[boundary.aws_conn_id]}"
        assert account["extra"] == {"region_name": boundaries.region, "role_arn": role}


def test_the_pools_are_those_that_the_boundaries_name(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    class Api:
        pools: dict[str, int] = {}

        def __enter__(self) -> Api:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def ensure_pool(self, name: str, *, slots: int, description: str) -> None:  # noqa: ARG002
            self.pools[name] = slots

    monkeypatch.setattr(airflow, "AirflowApi", lambda *_: Api())
    airflow.settle(home, "https://127.0.0.1:6")
    boundaries = load_boundaries(aws.emr_configs())
    assert Api.pools == dict.fromkeys((boundaries.phi.pool, boundaries.general.pool), airflow.TASKS_AT_ONCE)


def test_the_dags_are_the_checkouts_or_those_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: SandboxHome, migration: Migration
) -> None:
    assert (airflow.dags_folder() / "pipelines" / "patient_vitals.yaml").is_file()
    monkeypatch.setenv(airflow.DAGS_VARIABLE, str(tmp_path))
    assert airflow.airflow_services(home)[2].env["AIRFLOW__CORE__DAGS_FOLDER"] == str(tmp_path)
    monkeypatch.setenv(airflow.DAGS_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match=airflow.DAGS_VARIABLE):
        airflow.dags_folder()


def test_without_a_sandbox_there_is_nothing_to_start(tmp_path: Path, migration: Migration) -> None:
    nowhere: Any = SandboxHome(tmp_path / "root", tmp_path / "cache")
    state.write_state(nowhere, SandboxState(Phase.DOWN))
    with pytest.raises(Exception, match="sandbox up"):
        airflow.airflow_services(nowhere)
