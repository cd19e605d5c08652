"""`druid-reindex sandbox nightly | ui`: exit codes, the last line, and how to sign in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from druid_reindex.cli import sandbox_night
from druid_reindex.cli.main import app
from druid_reindex.clients.evidence_summary import EvidenceSummary
from druid_reindex.clients.night_summary import Summary
from druid_reindex.errors import DeadlineError
from druid_reindex.sandbox.nightly import Patients
from druid_reindex.sandbox.state import Endpoints

ENDPOINTS = Endpoints(
    "https://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:3", 4, "http://127.0.0.1:6"
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRUID_REINDEX_HOME", str(tmp_path))
    monkeypatch.setattr(sandbox_night.stack, "endpoints", lambda _home: ENDPOINTS)
    return tmp_path


def nights(monkeypatch: pytest.MonkeyPatch, outcome: Summary | BaseException) -> list[Patients]:
    """Let each night end as `outcome`; return the list of the patients that nights are asked for."""
    asked: list[Patients] = []

    def run(_home: Any, patients: Patients, report: Any) -> tuple[Summary, Path]:
        asked.append(patients)
        report("plan: running")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome, Path("summaries/night.json")

    monkeypatch.setattr(sandbox_night.nightly, "run_night", run)
    return asked


@pytest.mark.parametrize(("status", "exit_code"), [("rebuilt", 0), ("nothing to do", 0), ("failed", 1)])
def test_the_exit_code_is_the_nights_colour(monkeypatch: pytest.MonkeyPatch, status: str, exit_code: int) -> None:
    nights(monkeypatch, Summary(status, "r"))
    found = CliRunner().invoke(app, ["sandbox", "nightly"])
    assert found.exit_code == exit_code
    assert found.stdout.splitlines()[-1] == "summary: summaries/night.json"
    assert status in found.stdout
    assert "plan: running" in found.stderr


@pytest.mark.parametrize(("found", "exit_code"), [({"not-logged": 3}, 0), ({"foreign": 1}, 1)])
def test_what_nobody_explains_counts(monkeypatch: pytest.MonkeyPatch, found: dict[str, int], exit_code: int) -> None:
    evidence = EvidenceSummary("s3://drx-evidence/0001.jsonl", findings=found, report="reports/night.html")
    for night in (
        Summary("rebuilt", "r", evidence=evidence),
        Summary("rebuilt", "r").with_snapshot(Summary("rebuilt", "s", evidence=evidence)),
    ):
        nights(monkeypatch, night)
        shown = CliRunner().invoke(app, ["sandbox", "nightly"])
        assert shown.exit_code == exit_code
        assert "reports/night.html" in shown.stdout


def test_a_snapshot_is_shown_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    nights(monkeypatch, Summary("rebuilt", "r").with_snapshot(Summary("failed", "r2")))
    found = CliRunner().invoke(app, ["sandbox", "nightly"])
    assert found.exit_code == 1
    assert found.stdout.index("rebuilt: r") < found.stdout.index("failed: r2")


def test_the_population_is_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = nights(monkeypatch, Summary("rebuilt", "r"))
    CliRunner().invoke(app, ["sandbox", "nightly"])
    CliRunner().invoke(app, ["sandbox", "nightly", "--seed", "7", "--population", "8"])
    assert asked == [Patients(42, 50), Patients(7, 8)]


def test_an_error_is_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    nights(monkeypatch, DeadlineError("follow the night", resource="r", came_back="running", remedy="look"))
    found = CliRunner().invoke(app, ["sandbox", "nightly"])
    assert found.exit_code == 1
    assert "What to do: look" in found.stderr
    assert "Traceback" not in found.output


def test_an_interrupt_says_that_the_night_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    nights(monkeypatch, KeyboardInterrupt())
    found = CliRunner().invoke(app, ["sandbox", "nightly"])
    assert found.exit_code == 130
    assert "goes on" in found.stderr
    assert "sandbox down" in found.stderr


def test_ui_says_where_who_and_in_which_file_the_password_is(home: Path) -> None:
    found = CliRunner().invoke(app, ["sandbox", "ui"])
    assert found.exit_code == 0
    assert f"Lineage   {home / 'data' / 'airflow' / 'lineage.jsonl'}" in found.stdout
    for part in ("http://127.0.0.1:6", "user admin", str(home / "secrets.json"), str(home / "pki" / "ca.pem")):
        assert part in found.stdout


def test_ui_without_a_sandbox_says_how_to_get_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = CliRunner().invoke(app, ["sandbox", "ui"], env={"DRUID_REINDEX_HOME": str(home)})
    assert found.exit_code == 1
    assert "sandbox up" in found.stderr
