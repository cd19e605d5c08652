"""Makes a soak resumable: what passed at this state of the code is not run again, and what it measured is told.

The file ``.sandbox/soak.json`` holds both, for one digest of the checkout; another digest begins anew.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_services import Services, owned_services
from real_sandbox import Sandbox

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".sandbox" / "soak.json"
Measure = Callable[[str, float], None]


def code() -> str:
    """The digest of what a night depends on, of the files that git knows, as they are now."""
    asked = ["git", "ls-files", "-z", "provider", "dags", "emr_configs", "sql", "tests", "requirements.lock"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True).stdout
    found = hashlib.sha256()
    for name in sorted(filter(None, listed.split(b"\0"))):
        path = ROOT / name.decode()
        found.update(name + (path.read_bytes() if path.is_file() else b""))
    return found.hexdigest()


def read() -> dict[str, Any]:
    """What passed at this state of the code, by test, with what it measured."""
    kept: dict[str, Any] = json.loads(FILE.read_text()) if FILE.is_file() else {}
    return kept if kept.get("code") == code() else {"code": code(), "passed": {}}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "kills.py" in item.nodeid)  # they leave the sandbox without a scheduler
    passed = read()["passed"]
    done = [item for item in items if item.nodeid in passed]
    if done:
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if item.nodeid not in passed]


@pytest.fixture(scope="module")
def services(sandbox: Sandbox) -> Iterator[Services]:
    """Airflow's services as processes of the module's tests, which may kill them; the sandbox's own are ended."""
    with owned_services(sandbox) as owned:
        yield owned


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measure:
    """Keeps a figure of this test, for the summary."""

    def keep(name: str, value: float) -> None:
        request.node.user_properties.append((name, round(value, 1)))

    return keep


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.passed and item.get_closest_marker("soak"):
        kept = read()
        kept["passed"][item.nodeid] = dict(item.user_properties)
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps(kept, indent=2))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = read()["passed"]
    if passed:
        terminalreporter.section(f"soak: passed at this state of the code ({FILE.relative_to(ROOT)})")
    for name, figures in sorted(passed.items()):
        told = "".join(f", {what}: {value}" for what, value in figures.items())
        terminalreporter.write_line(f"{name}{told}")
