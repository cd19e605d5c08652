"""The colour of a night, as Airflow itself gives it: real DagRuns on SQLite, with twins behind the connections."""

from __future__ import annotations

from typing import Any

import pytest

from own_airflow import told_by

Nights = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """What became of each night of ``run_nights.py``."""
    found: Nights = told_by("run_nights.py", tmp_path_factory.mktemp("airflow"))
    return found


def test_a_good_night_succeeds(nights: Nights) -> None:
    night = nights["good"]
    assert night["state"] == "success"
    assert {task for task, state in night["tasks"].items() if state != "success"} == {"rollback"}
    assert night["tasks"]["rollback"] == "skipped"
    assert (night["launched"], night["submitted"]) == (1, 1)
    assert night["clusters"] == ["TERMINATED"]


def test_an_empty_night_succeeds_and_launches_no_cluster(nights: Nights) -> None:
    night = nights["empty"]
    assert night["state"] == "success"
    assert night["tasks"] == {
        "posture": "success",
        "plan": "success",
        "approve": "success",
        "cluster_up": "skipped",
        "attest": "skipped",
        "reindex": "skipped",
        "cluster_down": "skipped",
        "validate": "skipped",
        "rollback": "skipped",
        "evidence": "success",
        "verdict": "success",
    }
    assert (night["launched"], night["submitted"]) == (0, 0)


def test_a_failed_reindex_fails_the_night_although_everything_after_it_ran(nights: Nights) -> None:
    night = nights["reindex_fails"]
    assert night["state"] == "failed"
    assert night["tasks"] == {
        "posture": "success",
        "plan": "success",
        "approve": "success",
        "cluster_up": "success",
        "attest": "success",
        "reindex": "failed",
        "cluster_down": "success",
        "validate": "success",
        "rollback": "skipped",
        "evidence": "success",
        "verdict": "failed",
    }
    assert night["clusters"] == ["TERMINATED"]


def test_a_failed_validation_is_taken_back_and_fails_the_night_and_the_cluster_is_ended(nights: Nights) -> None:
    night = nights["rows_change"]
    assert night["state"] == "failed"
    assert night["tasks"]["rollback"] == "success"
    assert night["versions"] == ["2026-09-02T00:00:00.000Z"]
    assert (night["tasks"]["validate"], night["tasks"]["cluster_down"], night["tasks"]["verdict"]) == (
        "failed",
        "success",
        "failed",
    )
    assert night["clusters"] == ["TERMINATED"]


def test_a_cluster_that_never_came_up_fails_the_night_and_nothing_is_submitted(nights: Nights) -> None:
    night = nights["cluster_fails"]
    assert night["state"] == "failed"
    assert night["tasks"]["cluster_up"] == "failed"
    assert night["tasks"]["reindex"] == "upstream_failed"
    assert night["tasks"]["validate"] == "success"
    assert night["tasks"]["verdict"] == "failed"
    assert night["submitted"] == 0
    assert night["clusters"] == ["TERMINATED_WITH_ERRORS"]
