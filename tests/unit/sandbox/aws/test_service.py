"""What the sandbox needs to run and use the account."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.home import SandboxHome


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "home", tmp_path / "cache")


def test_an_access_key_is_made_once_and_looks_like_awss(home: SandboxHome) -> None:
    made = service.access_key(home, "airflow")
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made.id)
    assert len(made.secret) == 40
    assert service.access_key(home, "airflow") == made
    assert service.access_key(home, "druid") != made
    assert made.secret not in repr(made)


def test_the_endpoint_is_known_once_the_service_is_made(home: SandboxHome) -> None:
    with pytest.raises(ConfigurationError, match="sandbox up"):
        service.endpoint_url(home)
    spec = service.aws_service(home)
    assert service.endpoint_url(home) == f"https://127.0.0.1:{service.endpoint_port(home)}"
    assert str(service.endpoint_port(home)) in spec.argv
    assert service.user_environment(home, "druid")["AWS_ENDPOINT_URL"] == service.endpoint_url(home)


def test_redshift_is_told_where_its_postgresql_is(home: SandboxHome) -> None:
    argv = service.aws_service(home, postgres_port=5439).argv
    assert argv[-2:] == ("--postgres-port", "5439")
    assert "--postgres-port" not in service.aws_service(home).argv


def test_the_emulator_gets_no_credentials_from_its_starter(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of the shell")
    assert not [name for name in service.aws_service(home).env if name.startswith("AWS_")]


def test_the_metadata_secret_is_kept_as_the_indexer_reads_it(home: SandboxHome) -> None:
    service.keep_metadata_secret(home, "druid", "a password", "jdbc:postgresql://host/druid")
    kept = json.loads(home.known_secrets()[service.METADATA_SECRET])
    assert kept == {"user": "druid", "password": "a password", "connect_uri": "jdbc:postgresql://host/druid"}


def test_the_emr_configurations_are_the_checkouts_or_the_named_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(service.EMR_CONFIGS_VARIABLE, raising=False)
    assert (service.emr_configs() / "bootstrap" / "install_druid.sh").is_file()
    monkeypatch.setenv(service.EMR_CONFIGS_VARIABLE, str(tmp_path))
    assert service.emr_configs() == tmp_path
    monkeypatch.setenv(service.EMR_CONFIGS_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match="absent"):
        service.emr_configs()


@pytest.mark.parametrize(("side", "role"), [("phi", "DrxAirflowPhi"), ("general", "DrxAirflowGeneral")])
def test_each_side_of_airflow_has_its_role(side: str, role: str) -> None:
    assert service.airflow_role_arn(side) == f"arn:aws:iam::111122223333:role/{role}"
