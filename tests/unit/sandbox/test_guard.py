"""The guard: nothing of its command outlives the command, the order to stop, or the owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from druid_reindex.sandbox import guard

OWNER = """
import subprocess, sys, time, os
guard, pidfile = sys.argv[1:]
subprocess.Popen([sys.executable, guard, str(os.getpid()), "15", "5", "bash", "-c", f"(setsid sleep 300 &) ; sleep 300 & echo $! > {pidfile}; wait"])
time.sleep(300)
"""  # noqa: E501


def run(*command: str, stop_seconds: float = 5) -> subprocess.Popen[bytes]:
    arguments = (str(os.getpid()), str(int(signal.SIGTERM)), str(stop_seconds))
    return subprocess.Popen([sys.executable, "-I", "-S", guard.__file__, *arguments, *command])


def wait_for(condition: object, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_status_is_the_commands_own(script: str, status: int) -> None:
    assert run("bash", "-c", script).wait(10) == status


def test_an_unknown_command_is_said() -> None:
    assert run("/no/such/command").wait(10) == 127


def test_what_the_command_leaves_behind_is_killed(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    assert run("bash", "-c", f"setsid sleep 300 & echo $! > {pidfile}").wait(10) == 0
    assert not is_alive(int(pidfile.read_text()))


def test_stop_reaches_a_descendant_in_a_session_of_its_own(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    process = run("bash", "-c", f"setsid sleep 300 & echo $! > {pidfile}; wait")
    assert wait_for(pidfile.exists)
    process.terminate()
    assert process.wait(10) == 143
    assert not is_alive(int(pidfile.read_text()))


def test_a_command_that_ignores_the_signal_is_killed_after_its_time(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    process = run("bash", "-c", f"trap '' TERM; touch {ready}; while true; do sleep 0.1; done", stop_seconds=0.3)
    assert wait_for(ready.exists)
    process.terminate()
    assert process.wait(10) == 137


def test_the_command_hears_a_signal_that_the_guards_own_shell_ignores(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ignoring = ("bash", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, "-I", "-S", guard.__file__)
    script = f"trap 'exit 3' INT; touch {ready}; while true; do sleep 0.05; done"
    command = (*ignoring, str(os.getpid()), str(int(signal.SIGINT)), "5", "bash", "-c", script)
    process = subprocess.Popen(command)
    assert wait_for(ready.exists)
    process.terminate()
    assert process.wait(10) == 3


def test_all_is_killed_when_the_owner_is(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, guard.__file__, str(pidfile)])
    assert wait_for(lambda: pidfile.exists() and pidfile.read_text())
    below = guard.descendants(owner.pid)
    assert int(pidfile.read_text()) in below
    owner.kill()
    owner.wait()
    assert wait_for(lambda: not any(is_alive(pid) for pid in below))


def test_an_owner_that_is_gone_already_starts_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    arguments = [sys.executable, guard.__file__, "1", "15", "1", "touch", str(made)]
    assert subprocess.run(arguments, check=False).returncode == 128 + guard.OWNER_DIED
    assert not made.exists()


def test_descendants_are_found_through_generations() -> None:
    process = run("bash", "-c", "bash -c 'sleep 300; true'; true")
    assert wait_for(lambda: len(guard.descendants(process.pid)) == 3)
    process.terminate()
    process.wait(10)
    assert process.pid not in guard.descendants(os.getpid())
