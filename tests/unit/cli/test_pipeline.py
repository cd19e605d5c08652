"""``druid-reindex pipeline``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from changed_configs import rewrite
from druid_reindex.cli.main import app

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "dags" / "pipelines" / "patient_vitals.yaml"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["pipeline", *map(str, arguments)])


def check(*files: Path) -> Result:
    return run("check", "--configs", ROOT / "emr_configs", *files)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped file under another name."""
    path = tmp_path / "copy.yaml"
    path.write_text(SHIPPED.read_text())
    return path


def test_the_schema_is_the_committed_one() -> None:
    printed = run("schema").stdout
    assert printed == (ROOT / "docs" / "pipeline.schema.json").read_text()
    assert json.loads(printed)["properties"]["datasource"]["pattern"]


def test_a_good_file_names_its_dag() -> None:
    result = check(SHIPPED)
    assert result.exit_code == 0
    assert result.stdout == f"{SHIPPED}: good, DAG nightly_reindex__patient_vitals\n"
    assert check(SHIPPED, SHIPPED).exit_code == 0


def test_wrong_files_are_all_told_and_good_ones_too(copy: Path, tmp_path: Path) -> None:
    copy.write_text(copy.read_text().replace("classification: phi", "classification: public"))
    result = check(copy, SHIPPED, tmp_path / "absent.yaml")
    assert result.exit_code == 1
    assert f"{copy}:3: classification: found 'public'; " in result.stderr
    assert f"{tmp_path}/absent.yaml: cannot be read" in result.stderr
    assert result.stdout == f"{SHIPPED}: good, DAG nightly_reindex__patient_vitals\n"


def test_a_profile_that_is_not_there_is_told(copy: Path) -> None:
    copy.write_text(copy.read_text().replace("profile: secure", "profile: huge"))
    result = check(copy)
    assert result.exit_code == 1
    assert "name one of these profiles: " in result.stderr


def test_two_files_of_one_datasource_are_told(copy: Path) -> None:
    result = check(SHIPPED, copy)
    assert result.exit_code == 1
    assert f"datasource patient_vitals stands in {SHIPPED} too" in result.stderr


def test_without_boundaries_nothing_is_checked(tmp_path: Path) -> None:
    result = run("check", "--configs", tmp_path, SHIPPED)
    assert result.exit_code == 1
    assert f"{tmp_path}/boundaries.yaml: cannot be read" in result.stderr


def test_init_is_among_the_commands() -> None:
    assert "--from-datasource" in run("init", "--help").stdout


def test_a_pipeline_that_does_not_go_with_its_profile_is_wrong(copy: Path) -> None:
    rewrite(copy, {"cluster.profile": "secure_step", "submit": "overlord"})
    result = check(copy)
    assert result.exit_code == 1
    assert "submit: found 'overlord' with 'secure_step', whose KDC is dedicated" in result.stderr
    rewrite(copy, {"submit": "emr_step"})
    assert check(copy).exit_code == 0
