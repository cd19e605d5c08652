"""A process that lives for an instant is seen, with what it was started with."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from census import Census, kind_of, line_and_environment
from druid_reindex.sandbox.home import SandboxHome

SLEEP = "import time; time.sleep(1)"


def test_what_a_process_was_told_is_seen(tmp_path: Path) -> None:
    home, census = SandboxHome(tmp_path / "home", tmp_path / "cache"), Census()
    with census.taken(home):
        named = subprocess.Popen(
            [sys.executable, "-c", SLEEP, "canary in a line", str(home.root)], env={"A": "a canary"}
        )
        stranger = subprocess.Popen([sys.executable, "-c", SLEEP, "another's"], env={"B": "another canary"})
        time.sleep(0.6)
        named.wait()
        stranger.wait()
    assert any(b"canary in a line" in line for line in census.lines)
    assert not any(b"another's" in line for line in census.lines)
    assert ("another", b"A=a canary") in census.variables
    assert not any(variable.startswith(b"B=") for _, variable in census.variables)


def test_the_kinds_of_processes_are_told_apart(tmp_path: Path) -> None:
    home, census = SandboxHome(tmp_path / "home", tmp_path / "cache"), Census()
    words = (str(home.root), "org.apache.druid.cli.Main", "server")
    druid = subprocess.Popen([sys.executable, "-c", SLEEP, *words], env={"DRUID_PASSWORD": "x"})
    time.sleep(0.5)
    census.look(home)
    druid.wait()
    assert ("druid", b"DRUID_PASSWORD=x") in census.variables


def test_the_helper_with_which_java_starts_a_process_is_its_parents() -> None:
    assert kind_of(b"/usr/lib/jvm/java-17/lib/jspawnhelper\x0017:18\0") == "druid"
    assert kind_of(b"/bin/sh\0/tmp/jspawnhelper\0") == "another"


def test_a_process_that_becomes_another_program_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command line and its variables are those of one program."""
    for name, content in (("cmdline", b"before"), ("environ", b"A=before")):
        (tmp_path / name).write_bytes(content)
    read = Path.read_bytes

    def becoming(path: Path) -> bytes:
        content = read(path)
        if path.name == "cmdline" and content == b"before":
            (tmp_path / "cmdline").write_bytes(b"after")
            (tmp_path / "environ").write_bytes(b"A=after")
        return content

    monkeypatch.setattr(Path, "read_bytes", becoming)
    assert line_and_environment(tmp_path) == (b"after", b"A=after")
