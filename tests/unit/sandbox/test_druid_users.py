"""The users of the sandbox's Airflow connections."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import NotAuthorizedError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.plan.druid_access import DruidUser
from druid_reindex.sandbox import druid_users
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.pki import ensure_ca
from druid_reindex.sandbox.state import Endpoints

ROOT = Path(__file__).parents[3]
ENDPOINTS = Endpoints("https://a", "https://127.0.0.1:1", "https://127.0.0.1:2", "https://127.0.0.1:3", 4, None)
BOUNDARIES = load_boundaries(ROOT / "emr_configs")


class Admin:
    """Takes users in the place of Druid's administrator."""

    brought: list[tuple[DruidUser, str]]

    def __init__(self, config: Any, _realm: Any) -> None:
        assert config.user == "admin"

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def bring(self, user: DruidUser, password: str) -> list[str]:
        self.brought.append((user, password))
        return []


def test_each_boundary_has_a_user_for_its_pipelines_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = SandboxHome(tmp_path / "root", tmp_path / "cache")
    ensure_ca(home)
    Admin.brought = []
    asked: list[str] = []
    refused = [NotAuthorizedError("ask", resource="Druid", came_back="HTTP 401", remedy="wait")]

    def probe(config: Any) -> None:
        asked.append(config.user)
        if refused:
            raise refused.pop()

    monkeypatch.setattr(druid_users, "DruidUsers", Admin)
    monkeypatch.setattr(druid_users, "probe", probe)
    monkeypatch.setattr(druid_users, "POLL_SECONDS", 0.0)
    druid_users.make_users(home, ENDPOINTS, druid_users.pipelines_in(ROOT / "dags" / "pipelines", BOUNDARIES))
    datasources = {
        user.name: {grant.name for grant in user.grants if grant.kind == "DATASOURCE"} for user, _ in Admin.brought
    }
    assert datasources == {"airflow_phi": {"patient_snapshot", "patient_vitals"}, "airflow_general": set()}
    assert {password for _, password in Admin.brought} <= set(home.known_secrets().values())
    assert asked == ["airflow_phi", "airflow_phi", "airflow_general"]


def test_a_wrong_file_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(ROOT / "dags" / "pipelines" / "patient_vitals.yaml", tmp_path)
    (tmp_path / "broken.yaml").write_text("datasource: 7\n")
    assert [each.datasource for each in druid_users.pipelines_in(tmp_path, BOUNDARIES)] == ["patient_vitals"]
    assert "broken.yaml" in caplog.text
    assert druid_users.pipelines_in(tmp_path / "absent", BOUNDARIES) == ()


def test_a_user_that_stays_unknown_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(_config: Any) -> None:
        raise NotAuthorizedError("ask", resource="Druid", came_back="HTTP 401", remedy="wait")

    Admin.brought = []
    monkeypatch.setattr(druid_users, "DruidUsers", Admin)
    monkeypatch.setattr(druid_users, "probe", probe)
    monkeypatch.setattr(druid_users, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(druid_users, "KNOWN_SECONDS", 0.01)
    with pytest.raises(NotAuthorizedError):
        druid_users.make_users(SandboxHome(tmp_path / "root", tmp_path / "cache"), ENDPOINTS, ())
