"""`druid-reindex evidence` has its commands."""

from __future__ import annotations

from typer.testing import CliRunner

from druid_reindex.cli.main import app


def test_its_commands_are_shown() -> None:
    result = CliRunner().invoke(app, ["evidence", "--help"])
    assert result.exit_code == 0
    assert "verify" in result.stdout
    assert "schema" in result.stdout
