"""`druid-reindex druid-user`, with Druid's administration in the place of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from druid_reindex.cli.main import app
from druid_reindex.clients import druid_users, secrets
from druid_reindex.plan.druid_access import DruidUser

ROOT = Path(__file__).parents[3]
VITALS = str(ROOT / "dags" / "pipelines" / "patient_vitals.yaml")
CONFIGS = ["--configs", str(ROOT / "emr_configs")]
URLS = dict.fromkeys(("DRUID_URL", "DRUID_COORDINATOR_URL", "DRUID_OVERLORD_URL"), "https://druid:9088")
ADMIN = URLS | {"DRUID_USER": "admin", "DRUID_PASSWORD": "admins-own"}


class Druid:
    """Keeps what it is asked to make."""

    asked: list[tuple[str, DruidUser, str]]

    def __init__(self, config: Any, realm: Any) -> None:
        assert config.protected
        self.who = f"{config.user}@{realm.authenticator}"

    def __enter__(self) -> Druid:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def bring(self, user: DruidUser, password: str) -> list[str]:
        self.asked.append((self.who, user, password))
        return ["airflow_phi is a login"]

    def roles(self, _name: str) -> tuple[str, ...]:
        return ("admin", "druid_reindex_phi")


@pytest.fixture(autouse=True)
def druid(monkeypatch: pytest.MonkeyPatch) -> type[Druid]:
    Druid.asked = []
    monkeypatch.setattr(druid_users, "DruidUsers", Druid)
    return Druid


def test_without_apply_it_shows_and_asks_nobody(druid: type[Druid]) -> None:
    done = CliRunner().invoke(app, ["druid-user", VITALS, *CONFIGS], env={})
    assert done.exit_code == 0
    assert done.stdout.startswith("user airflow_phi, role druid_reindex_phi\n")
    assert "WRITE DATASOURCE patient_vitals" in done.stdout
    assert druid.asked == []


def test_the_password_comes_on_standard_input(druid: type[Druid]) -> None:
    arguments = ["druid-user", VITALS, *CONFIGS, "--apply", "--realm", "MyAuthenticator", "MyAuthorizer"]
    done = CliRunner().invoke(app, arguments, env=ADMIN, input="users-own\n")
    assert done.exit_code == 0, done.output
    ((who, user, password),) = druid.asked
    assert (who, user.name, password) == ("admin@MyAuthenticator", "airflow_phi", "users-own")
    assert "changed: airflow_phi is a login" in done.stdout
    assert "another role besides, which may allow more: admin" in done.stdout
    assert "users-own" not in done.output


def test_the_password_comes_from_a_secret(druid: type[Druid], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets.SecretsClient, "password", lambda _self, name: f"of {name}")
    arguments = ["druid-user", VITALS, *CONFIGS, "--apply", "--password-secret", "druid/airflow"]
    assert CliRunner().invoke(app, arguments, env=ADMIN).exit_code == 0
    assert [password for _, _, password in druid.asked] == ["of druid/airflow"]


def test_an_empty_password_is_refused(druid: type[Druid]) -> None:
    done = CliRunner().invoke(app, ["druid-user", VITALS, *CONFIGS, "--apply"], env=ADMIN, input="\n")
    assert done.exit_code == 1
    assert "an empty password" in done.output
    assert druid.asked == []


def test_plain_http_is_refused(druid: type[Druid]) -> None:
    plain = dict.fromkeys(URLS, "http://127.0.0.1:8081")
    done = CliRunner().invoke(app, ["druid-user", VITALS, *CONFIGS, "--apply"], env=ADMIN | plain, input="p\n")
    assert (done.exit_code, "plain http" in done.output) == (1, True)
    assert druid.asked == []


def test_the_two_classifications_have_users_of_their_own(tmp_path: Path) -> None:
    general = tmp_path / "web.yaml"
    text = Path(VITALS).read_text().replace("datasource: patient_vitals", "datasource: web_hits")
    text = text.replace("classification: phi", "classification: general")
    general.write_text(text.replace("s3://drx-phi-", "s3://drx-general-"))
    done = CliRunner().invoke(app, ["druid-user", VITALS, str(general), *CONFIGS])
    assert (done.exit_code, "protected and general pipelines together" in done.output) == (1, True)
