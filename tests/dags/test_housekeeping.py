"""The hourly DAG asks Airflow itself which runs live, over the same interface as in a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_ends_the_clusters_of_runs_that_airflow_does_not_work_on(tmp_path: Path) -> None:
    out = tmp_path / "told.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    own = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "PYTHONPATH": str(ROOT / "tests"),
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_housekeeping.py")), str(ROOT / "dags"), str(out)],
        env=kept | own, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    told = json.loads(out.read_text())
    assert told["state"] == "success"
    assert sorted(told["terminated"]) == ["failed", "lost", "success"]
