"""``status``, ``hold``, ``resume`` and ``abort`` on a failed night, as Airflow's own REST API takes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from own_airflow import told_by

REBUILT_AGAIN = ("cluster_up", "attest", "reindex[0]", "cluster_down", "validate", "rollback", "verdict")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What came of each command of ``run_commands.py``."""
    home = tmp_path_factory.mktemp("airflow")
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"admin": "admin"}))
    signed_in = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "of this test, " * 8,
    }
    found: list[dict[str, Any]] = told_by("run_commands.py", home, signed_in)
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
