"""``status``, ``hold``, ``resume`` and ``abort`` on a failed night, as Airflow's own REST API takes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REBUILT_AGAIN = ("cluster_up", "reindex[0]", "cluster_down", "validate", "verdict")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What came of each command of ``run_commands.py``."""
    home = tmp_path_factory.mktemp("airflow")
    out, passwords = home / "told.json", home / "passwords.json"
    passwords.write_text(json.dumps({"admin": "admin"}))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "of this test, " * 8,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / "tests" / "dags")]),
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_commands.py")), str(ROOT / "dags"), str(out)],
        env=kept | own, cwd=home, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    found: list[dict[str, Any]] = json.loads(out.read_text())
    return found


def test_status_names_the_batch_to_go_on_from(told: list[dict[str, Any]]) -> None:
    lines = told[0]["said"].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("WHAT stopped"))
    assert lines[first].endswith("is failed")
    assert lines[first + 1].strip().startswith("reindex[0], try ")
    assert any(line.startswith("SAFE NEXT     druid-reindex resume ") and "--from-batch 0" in line for line in lines)


def test_hold_pauses_the_dag(told: list[dict[str, Any]]) -> None:
    assert "on hold: no night starts until it is released" in told[1]["said"]
    assert "is paused" in json.dumps(told[-1]["said"])


def test_resume_is_refused_past_a_batch_without_a_result(told: list[dict[str, Any]]) -> None:
    refused = told[2]
    assert (refused["exit"], refused["state"], refused["tasks"]) == (1, "failed", told[0]["tasks"])
    assert "batches [0] have left no result. What to do: resume from batch 0" in refused["error"]


def test_resume_clears_what_has_to_run_again_and_nothing_before_it(told: list[dict[str, Any]]) -> None:
    resumed = told[3]
    assert (resumed["exit"], resumed["state"]) == (0, "queued")
    assert {name for name, state in resumed["tasks"].items() if state == "none"} == {*REBUILT_AGAIN}
    assert (resumed["tasks"]["plan"], resumed["tasks"]["approve"]) == ("success", "success")
    assert (told[4]["exit"], told[4]["tasks"]) == (1, resumed["tasks"])


def test_an_aborted_run_is_over_and_red_and_may_be_aborted_again(told: list[dict[str, Any]]) -> None:
    aborted, again = told[5], told[6]
    assert (aborted["exit"], aborted["state"], aborted["tasks"]["verdict"]) == (0, "failed", "failed")
    assert (again["exit"], again["state"], again["tasks"]) == (0, "failed", aborted["tasks"])
