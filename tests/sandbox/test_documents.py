"""The commands of README and docs/ that need the sandbox, run in the order in which the documents show them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from documents import AT_ONCE, DOCUMENTS, IN_A_FRESH_HOME, ON_THE_SANDBOX, ROOT, commands
from druid_reindex.sandbox import stack
from druid_reindex.sandbox.home import HOME_VARIABLE, SandboxHome
from druid_reindex.sandbox.state import Phase
from real_sandbox import VITALS, Sandbox, processes

pytestmark = pytest.mark.sandbox
SLOW = {text for text in AT_ONCE if "--help" in text or "--from-spec" in text}
ENVIRONMENT = 'eval "$(druid-reindex sandbox env)"'
SHOWN = [document for document in DOCUMENTS if any(each.text in ON_THE_SANDBOX for each in commands(document))]
NAMED = "trap 'echo failed: \"$BASH_COMMAND\" >&2' ERR"
NIGHTLY_SECONDS = 1500


def run(lines: list[str], folder: Path, seconds: float, **env: str) -> subprocess.CompletedProcess[str]:
    """The lines in one shell, which stops at the first that fails and names it."""
    kept = {
        name: os.environ[name] for name in ("HOME", "LANG", "DRUID_REINDEX_CACHE", HOME_VARIABLE) if name in os.environ
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join([NAMED, *lines])],
        cwd=folder,
        env=kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "120"} | env,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def as_a_user(folder: Path, checkout: Path) -> Path:
    """A folder that is what a user has cloned and installed; DAGs and EMR configurations are those of ``checkout``.

    What is installed is what the tests run with, also where a file of the checkout is newer.
    """
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "README.md", "provider"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").mkdir()
    for part in Path(sys.executable).parents[1].iterdir():
        if part.name != ".installed":
            (folder / ".venv" / part.name).symlink_to(part)
    (folder / ".venv" / ".installed").touch()
    for name in ("dags", "emr_configs", "sql"):
        (folder / name).symlink_to(checkout / name)
    return folder


@pytest.fixture(scope="module")
def night(sandbox: Sandbox) -> None:
    """A night that only planned: there is a run to tell of, and nothing has changed."""
    conf = {"interval": "2026-09-01/2026-09-02", "dry_run": True, "reason": "for the documents"}
    assert sandbox.night(VITALS, **conf).status != "failed"


@pytest.mark.usefixtures("night")
@pytest.mark.parametrize("document", SHOWN, ids=lambda path: path.name)
def test_every_command_that_needs_the_sandbox_works(document: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    folder = as_a_user(tmp_path, sandbox.checkout)
    shown = [each.text for each in commands(document) if not each.fence.needs_aws]
    lines = [text for text in shown if text in ON_THE_SANDBOX or text in AT_ONCE - SLOW]
    try:
        done = run([ENVIRONMENT, *lines], folder, 300)
    finally:
        sandbox.api.unpause(sandbox.runs(VITALS).dag_id)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.soak
def test_one_command_runs_a_night_in_a_fresh_home_and_another_ends_it(tmp_path: Path) -> None:
    home = SandboxHome(tmp_path / "home", SandboxHome.from_environment().cache)
    folder = tmp_path / "clone"
    folder.mkdir()
    as_a_user(folder, ROOT)
    env = {HOME_VARIABLE: str(home.root)}
    try:
        night = run(["make nightly"], folder, NIGHTLY_SECONDS, **env)
        assert night.returncode == 0, f"{night.stdout[-2000:]}\n{night.stderr[-4000:]}"
        assert "rebuilt" in night.stdout
        assert "rows of Redshift" in night.stdout
        assert stack.status(home).phase is Phase.UP
    finally:
        down = run(["make down"], folder, 120, **env)
    assert down.returncode == 0, down.stderr
    assert processes(home) == []
    shown = {each.text for document in DOCUMENTS for each in commands(document)}
    assert shown >= IN_A_FRESH_HOME
