"""`druid-reindex pipeline init`: what it prints where, and that it overwrites nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from druid_reindex.cli import pipeline_init
from druid_reindex.cli.main import app
from druid_reindex.clients.druid_http import DruidConfig
from twins import FakeDruid, segment

SPEC = {
    "dataSchema": {
        "dataSource": "patient_labs",
        "dimensionsSpec": {"dimensions": ["code"]},
        "metricsSpec": [{"type": "count", "name": "count"}],
        "transformSpec": {"filter": {"type": "true"}},
    }
}
URLS = {
    "DRUID_URL": "http://127.0.0.1:1",
    "DRUID_COORDINATOR_URL": "http://127.0.0.1:2",
    "DRUID_OVERLORD_URL": "http://127.0.0.1:3",
}


class ServedDruid(FakeDruid):
    """A twin in the place of the client, which is closed after use."""

    def __enter__(self) -> FakeDruid:
        return self

    def __exit__(self, *_: object) -> None:
        self.submitted.clear()


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*URLS, "DRUID_USER", "DRUID_PASSWORD", "DRUID_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(SPEC))
    return file


def init(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["pipeline", "init", *map(str, arguments)])


def test_a_spec_becomes_yaml_on_stdout_and_a_list_on_stderr(spec: Path) -> None:
    found = init("--from-spec", spec, "--owner", "clinical-data")
    assert found.exit_code == 0
    made = yaml.safe_load(found.stdout)
    assert (made["datasource"], made["owner"], made["classification"]) == ("patient_labs", "clinical-data", "phi")
    assert "not carried over: dataSchema.transformSpec" in found.stderr
    assert "transformSpec" not in found.stdout


def test_a_new_file_is_written_and_an_old_one_kept(spec: Path, tmp_path: Path) -> None:
    output = tmp_path / "patient_labs.yaml"
    assert init("--from-spec", spec, "--output", output).exit_code == 0
    assert yaml.safe_load(output.read_text())["datasource"] == "patient_labs"
    output.write_text("mine")
    again = init("--from-spec", spec, "--output", output)
    assert again.exit_code == 1
    assert "none is overwritten" in again.stderr
    assert output.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_said(spec: Path, tmp_path: Path) -> None:
    found = init("--from-spec", spec, "--output", tmp_path / "no" / "folder.yaml")
    assert found.exit_code == 1
    assert "name a file that can be written" in found.stderr


@pytest.mark.parametrize(("text", "told"), [("{", "file of JSON"), ("[]", "no JSON object"), ("{}", "dataSource")])
def test_a_file_that_is_no_spec_is_said(spec: Path, text: str, told: str) -> None:
    spec.write_text(text)
    found = init("--from-spec", spec)
    assert found.exit_code == 1
    assert told in found.stderr
    assert not found.stdout


def test_one_source_is_needed(spec: Path) -> None:
    assert init().exit_code == 2
    assert init("--from-spec", spec, "--from-datasource", "x").exit_code == 2


def test_without_addresses_the_missing_variables_are_named(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRUID_URL", URLS["DRUID_URL"])
    found = init("--from-datasource", "patient_vitals")
    assert found.exit_code == 1
    assert "DRUID_OVERLORD_URL, DRUID_COORDINATOR_URL not set" in found.stderr


def test_a_datasource_becomes_yaml(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (URLS | {"DRUID_USER": "reader", "DRUID_PASSWORD": "p"}).items():
        monkeypatch.setenv(name, value)
    asked: list[DruidConfig] = []

    def columns(_sql: str, parameters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        assert parameters == [{"type": "VARCHAR", "value": "patient_vitals"}]
        types = {"__time": "TIMESTAMP", "code": "VARCHAR", "events": "BIGINT"}
        return [{"COLUMN_NAME": name, "DATA_TYPE": kind} for name, kind in types.items()]

    def serve(config: DruidConfig) -> ServedDruid:
        asked.append(config)
        return ServedDruid([segment("2026-09-01/2026-09-02", datasource="patient_vitals")], answers=columns)

    monkeypatch.setattr(pipeline_init, "DruidClient", serve)
    found = init("--from-datasource", "patient_vitals", "--classification", "general")
    assert found.exit_code == 0
    assert yaml.safe_load(found.stdout)["dimensions"] == ["code"]
    assert "longSum is assumed" in found.stderr
    assert [(config.urls, config.user) for config in asked] == [
        (("http://127.0.0.1:3", "http://127.0.0.1:2", "http://127.0.0.1:1"), "reader")
    ]
