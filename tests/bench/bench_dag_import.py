"""CPU of importing each shipped DAG file beside ``import airflow.sdk``, and what a hundred pipelines cost to parse.

Each import is a fresh interpreter with compiled modules. The kinds take turns, each is compared with the others of its
own turn, and the median of all turns counts. Prints CPU seconds and ratios; ends with 1 when a limit does not hold.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
TURNS = 11
PIPELINES = 100
MOST_RATIO = 1.10
MOST_SECONDS = 1.0
PEER = "import airflow.sdk"


def main() -> int:
    """Measure, print, and judge."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        many = running(folder_of(home, PIPELINES) / "dags" / "nightly_reindex.py")
        shipped = {running(file): file.name for file in sorted((ROOT / "dags").glob("*.py"))}
        turns = measured([PEER, *shipped, many], home)
    holds = True
    print(f"{PEER}: {median(turn[PEER] for turn in turns):.3f} s CPU, median of {len(turns)} turns")  # noqa: T201
    for code, file in shipped.items():
        seconds, ratio = median(turn[code] for turn in turns), median(turn[code] / turn[PEER] for turn in turns)
        holds &= ratio <= MOST_RATIO
        print(f"dags/{file}: {seconds:.3f} s CPU, ratio {ratio:.3f} (limit {MOST_RATIO:.2f})")  # noqa: T201
    one = running(ROOT / "dags" / "nightly_reindex.py")
    more = median(turn[many] - turn[one] for turn in turns)
    holds &= more <= MOST_SECONDS
    print(f"{PIPELINES} pipelines in place of 1: {more:.3f} s CPU more (limit {MOST_SECONDS:.1f})")  # noqa: T201
    print("PASS" if holds else "FAIL")  # noqa: T201
    return 0 if holds else 1


def folder_of(home: Path, pipelines: int) -> Path:
    """The shipped DAG folder and EMR configurations, with so many pipelines of as many datasources."""
    for name in ("dags", "emr_configs", "sql"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    shipped = home / "dags" / "pipelines" / "patient_vitals.yaml"
    text = shipped.read_text()
    shipped.unlink()
    for number in range(pipelines):
        name = f"patient_vitals_{number}"
        shipped.with_name(f"{name}.yaml").write_text(text.replace("patient_vitals", name))
    return home


def running(file: Path) -> str:
    """Code that runs a DAG file as Airflow does."""
    return f"import runpy; runpy.run_path({str(file)!r})"


def measured(codes: list[str], home: Path) -> list[dict[str, float]]:
    """The CPU seconds of an interpreter that runs each code, turn by turn; a first turn is not counted."""
    return [{code: cpu_seconds(code, home) for code in codes} for _ in range(TURNS + 1)][1:]


def cpu_seconds(code: str, home: Path) -> float:
    """CPU seconds of a fresh interpreter."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    own |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=own, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
