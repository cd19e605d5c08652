"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from druid_reindex import __version__
from druid_reindex.cli import main, pipeline
from druid_reindex.errors import RefusedError

RUNNER = CliRunner()


def test_the_version() -> None:
    result = RUNNER.invoke(main.app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"airflow-provider-druid-reindex {__version__}\n")


def test_help_names_the_rooms() -> None:
    text = RUNNER.invoke(main.app, ["--help"]).stdout
    assert "pipeline" in text
    assert "sandbox" in text


def test_the_sandbox_has_its_commands() -> None:
    result = RUNNER.invoke(main.app, ["sandbox", "--help"])
    assert result.exit_code == 0
    assert all(command in result.stdout for command in ("up", "down", "status", "env", "nightly"))


def test_an_error_is_told_on_stderr_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise RefusedError("ask", resource="Druid [1]", came_back="no", remedy="ask again")

    monkeypatch.setattr(pipeline, "load_boundaries", refuse)
    result = RUNNER.invoke(main.app, ["pipeline", "check", "x.yaml"])
    assert result.exit_code == 1
    assert result.stderr == "ask on Druid [1]: no. What to do: ask again\n"
    assert not result.stdout


def test_without_the_extra_the_sandbox_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'moto'", name="moto")

    main._sandbox.cache_clear()
    monkeypatch.setattr(main, "import_module", missing)
    result = RUNNER.invoke(main.app, ["sandbox", "status"])
    assert result.exit_code == 1
    assert "pip install 'airflow-provider-druid-reindex[sandbox]'" in result.stderr
    assert RUNNER.invoke(main.app, ["pipeline", "schema"]).exit_code == 0


def test_as_a_module_it_has_the_same_name_and_imports_neither_airflow_nor_the_sandbox() -> None:
    script = (
        "import sys; from druid_reindex.cli.main import app; "
        "print([name for name in ('airflow', 'boto3', 'moto', 'druid_reindex.sandbox') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
    argv = [sys.executable, "-m", "druid_reindex.cli", "--help"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert "Usage: druid-reindex" in told
