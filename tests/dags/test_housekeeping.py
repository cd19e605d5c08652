"""The hourly DAG asks Airflow itself which runs live, over the same interface as in a worker."""

from __future__ import annotations

from pathlib import Path

from own_airflow import told_by


def test_it_ends_the_clusters_of_runs_that_airflow_does_not_work_on(tmp_path: Path) -> None:
    told = told_by("run_housekeeping.py", tmp_path)
    assert told["state"] == "success"
    assert sorted(told["terminated"]) == ["failed", "lost", "success"]
