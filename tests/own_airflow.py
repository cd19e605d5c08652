"""A script that runs on an Airflow of its own, with the project's DAG folder, and leaves what it saw as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DAGS = ROOT / "dags"
LIMIT_SECONDS = 600.0
# The user who may read one DAG alone, where own_auth says who may what.
RESTRICTED, ONLY = "bob", "nightly_reindex__patient_snapshot"


def environment(home: Path, dags: Path = DAGS) -> dict[str, str]:
    """The environment of an Airflow whose home is ``home``, and nothing of any other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / "tests" / "dags"), str(dags)]),
    }


def told_by(script: str, home: Path, more: Mapping[str, str] | None = None, *, dags: Path = DAGS) -> Any:
    """What ``tests/dags/<script>`` wrote of the DAG files in ``dags``; ``home`` is its Airflow's."""
    out = home / "told.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "dags" / script), str(dags), str(out)],
        env=environment(home, dags) | (more or {}), cwd=home, capture_output=True, text=True,
        timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return json.loads(out.read_text())
