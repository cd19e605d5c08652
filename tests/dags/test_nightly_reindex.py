"""The shipped DAG folder as Airflow parses it: without a network, lightly, and with errors that name file and line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("parse_dags.py")
DAG_ID, SNAPSHOT_DAG_ID = "nightly_reindex__patient_vitals", "nightly_reindex__patient_snapshot"
HEAVY = {
    "aiobotocore", "boto3", "botocore", "cryptography", "duckdb", "great_expectations", "httpx", "jinja2", "moto",
    "pandas", "polars", "pydruid", "requests", "urllib3",
}  # fmt: skip


def parse(folder: Path, home: Path, *options: str) -> dict[str, Any]:
    """What Airflow makes of the DAG files in ``folder``, in a process that has no connection and no network."""
    out = home / "parsed.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(out), *options],
        env=kept | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The shipped folder, parsed."""
    return parse(ROOT / "dags", tmp_path_factory.mktemp("airflow"), "--imports")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped pipeline file, in folders as they are shipped."""
    for name in ("dags", "emr_configs", "sql"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "dags" / "pipelines" / "patient_vitals.yaml"


def refusal(file: Path, old: str, new: str) -> str:
    """The import error that Airflow shows once ``old`` is ``new`` in the pipeline ``file``."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    home = file.parents[2] / "airflow"
    home.mkdir()
    found = parse(file.parents[1], home)
    assert DAG_ID not in found["dags"]
    (error,) = found["import_errors"].values()
    assert isinstance(error, str)
    return error


def test_it_parses_without_network_connections_and_variables(shipped: dict[str, Any]) -> None:
    assert shipped["import_errors"] == {}
    kept = {"evidence__general", "evidence__phi", "housekeeping__general", "housekeeping__phi", "retire__phi"}
    assert {*shipped["dags"]} == {DAG_ID, SNAPSHOT_DAG_ID, *kept}


def test_nothing_heavy_is_imported_to_parse(shipped: dict[str, Any]) -> None:
    assert "druid_reindex.operators.dag" in shipped["imported"]
    assert not HEAVY & {name.partition(".")[0] for name in shipped["imported"]}
    refused = ("druid_reindex.clients", "airflow.providers.amazon", "airflow.models.")
    assert not [name for name in shipped["imported"] if name.startswith(refused)]


def test_the_dag(shipped: dict[str, Any]) -> None:
    dag = shipped["dags"][DAG_ID]
    assert dag["max_active_runs"] == 1
    assert dag["catchup"] is False
    assert (dag["cron"], dag["timezone"]) == ("30 2 * * *", "America/New_York")
    assert dag["tags"] == ["druid-reindex", "laboratory", "phi", "vitals"]
    assert dag["leaves"] == ["verdict"]


def test_its_tasks(shipped: dict[str, Any]) -> None:
    tasks = shipped["dags"][DAG_ID]["tasks"]
    assert {task: set(told["downstream"]) for task, told in tasks.items()} == {
        "posture": {"plan"},
        "plan": {"approve", "reindex"},
        "approve": {"cluster_up"},
        "cluster_up": {"attest", "reindex", "cluster_down"},
        "attest": {"reindex"},
        "reindex": {"cluster_down", "validate"},
        "cluster_down": {"evidence", "verdict"},
        "validate": {"rollback"},
        "rollback": {"evidence", "verdict"},
        "evidence": {"verdict"},
        "verdict": set(),
    }
    assert {task: told["trigger_rule"] for task, told in tasks.items()} == {
        "posture": "all_success",
        "plan": "all_success",
        "approve": "all_success",
        "cluster_up": "all_success",
        "attest": "all_success",
        "reindex": "all_success",
        "cluster_down": "all_done_setup_success",
        "validate": "all_done",
        "rollback": "all_done",
        "evidence": "all_done",
        "verdict": "all_done",
    }
    assert [task for task, told in tasks.items() if told["setup"]] == ["cluster_up"]
    assert [task for task, told in tasks.items() if told["teardown"]] == ["cluster_down"]
    assert {(told["pool"], told["queue"]) for told in tasks.values()} == {("druid_reindex_phi", "phi")}


def test_a_wrong_file_is_an_import_error_that_names_file_line_and_field(copy: Path) -> None:
    line = copy.read_text().splitlines().index("  segment: DAY") + 1
    error = refusal(copy, "  segment: DAY", "  segment: FORTNIGHT")
    assert f"{copy}:{line}: granularity.segment" in error
    assert "FORTNIGHT" in error


def test_a_general_pipeline_of_a_protected_datasource_is_refused(copy: Path) -> None:
    error = refusal(copy, "classification: phi", "classification: general")
    assert "ConfigurationError" in error
    assert "patient_vitals" in error
    assert "protected health information" in error


def test_a_protected_pipeline_in_a_dag_that_is_tagged_general_is_refused(copy: Path) -> None:
    error = refusal(copy, "tags: [vitals, laboratory]", "tags: [vitals, general]")
    assert "ConfigurationError" in error
    assert "general" in error
