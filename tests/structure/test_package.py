"""The wheel and the sdist install into a clean environment beside the locked Airflow, which then shows the provider."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"

pytestmark = pytest.mark.package


def run(*argv: str | Path, cwd: Path = ROOT, **env: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "AIRFLOW"))}
    done = subprocess.run(
        [str(a) for a in argv], cwd=cwd, env=clean | env, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out)
    return out


def test_wheel_beside_airflow(distributions: Path, tmp_path: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    python = tmp_path / "venv" / "bin" / "python"
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    run(UV, "pip", "install", "--quiet", "--python", python, "-c", ROOT / "requirements.lock", wheel)
    run(UV, "pip", "check", "--python", python)
    env = {"AIRFLOW_HOME": str(tmp_path / "airflow"), "HOME": str(tmp_path)}
    listed = run(python.with_name("airflow"), "providers", "list", "--output", "plain", cwd=tmp_path, **env)
    assert "airflow-provider-druid-reindex" in listed
    assert "usage" in run(python.with_name("druid-reindex"), "--help", cwd=tmp_path, **env).lower()
    run(python.with_name("druid-reindex"), "init", "nights", cwd=tmp_path, **env)
    checked = run(
        python.with_name("druid-reindex"), "pipeline", "check", "dags/pipelines/patient_vitals.yaml",
        cwd=tmp_path / "nights", **env,
    )  # fmt: skip
    assert "good, DAG nightly_reindex__patient_vitals" in checked
    script = "from druid_reindex import reindex_dag; print(reindex_dag.__module__)"
    assert "druid_reindex.operators.dag" in run(python, "-c", script, cwd=tmp_path, **env)


def test_sdist_installs(distributions: Path, tmp_path: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    target = tmp_path / "site"
    run(UV, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", target, sdist)
    assert (target / "druid_reindex" / "errors.py").is_file()
    assert (target / "druid_reindex" / "py.typed").is_file()
