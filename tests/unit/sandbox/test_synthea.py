"""Tests of Synthea's command line and of its cache; Java is replaced by a script that writes the files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from druid_reindex.sandbox import distributions, synthea
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import SandboxStartError

WRITES = """#!/bin/sh
for argument in "$@"; do case "$argument" in --exporter.baseDirectory=*) into="${argument#*=}";; esac; done
mkdir "$into/csv" && cd "$into/csv"
for kind in observations conditions devices claims claims_transactions; do echo made > "$kind.csv"; done
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxHome:
    monkeypatch.setattr(distributions, "synthea", lambda _home, _report: tmp_path)
    return SandboxHome(tmp_path / "home", tmp_path / "cache")


def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir(exist_ok=True)
    program.write_text(script)
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_the_command_fixes_seeds_dates_and_time_zone(tmp_path: Path) -> None:
    command = synthea.command(tmp_path / "jars", tmp_path / "out", 42, 50)
    assert command[0] == "java"
    assert "-Duser.timezone=UTC" in command
    for option, value in (("-s", "42"), ("-cs", "42"), ("-p", "50"), ("-r", "20260901"), ("-e", "20260901")):
        assert command[command.index(option) + 1] == value


def test_histories_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: SandboxHome) -> None:
    java(tmp_path, monkeypatch, WRITES)
    told: list[str] = []
    made = synthea.histories(home, 1, 2, told.append)
    assert made.observations.read_text() == "made\n"
    assert told
    java(tmp_path, monkeypatch, "#!/bin/sh\nexit 3\n")
    assert synthea.histories(home, 1, 2, told.append) == made


def test_a_failure_shows_the_log_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: SandboxHome
) -> None:
    java(tmp_path, monkeypatch, "#!/bin/sh\necho no such place\nexit 3\n")
    with pytest.raises(SandboxStartError, match="no such place"):
        synthea.histories(home, 1, 2, print)
    assert not list(home.cache.glob("patients-*"))
