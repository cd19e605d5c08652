"""What the supervisor publishes, and who believes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from druid_reindex.errors import ConflictError, NotFoundError
from druid_reindex.sandbox import state
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.state import Endpoints, Phase, SandboxState, ServiceState

ENDPOINTS = Endpoints("https://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:3", 4, None)
UP = SandboxState(Phase.UP, (ServiceState("broker", "ready", "broker.log"),), ENDPOINTS)


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


def test_what_is_written_is_read(home: SandboxHome) -> None:
    with state.supervision(home):
        state.write_state(home, UP)
        assert state.read_state(home) == UP
        assert state.endpoints(home) == ENDPOINTS


def test_a_home_without_a_sandbox_is_down(home: SandboxHome) -> None:
    assert state.read_state(home).phase is Phase.DOWN
    with pytest.raises(NotFoundError, match="sandbox up"):
        state.endpoints(home)


def test_a_report_without_its_supervisor_counts_for_nothing(home: SandboxHome) -> None:
    state.write_state(home, UP)
    found = state.read_state(home)
    assert found.phase is Phase.DOWN
    assert "killed" in found.detail
    assert found.endpoints is None


def test_a_failed_start_is_remembered_and_an_ordered_end_needs_no_reason(home: SandboxHome) -> None:
    state.write_state(home, SandboxState(Phase.FAILED, detail="no space"))
    assert state.read_state(home).detail == "no space"
    state.write_state(home, SandboxState(Phase.DOWN))
    assert state.read_state(home) == SandboxState(Phase.DOWN)


def test_a_home_has_one_supervisor(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LOCK_SECONDS", 0.1)
    with (
        state.supervision(home),
        pytest.raises(ConflictError, match=str(os.getpid())),
        state.supervision(home),
    ):
        pass
    assert state.supervisor_pid(home) is None


def test_the_supervisor_is_known_while_it_lives(home: SandboxHome) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from druid_reindex.sandbox import state; from druid_reindex.sandbox.home import SandboxHome\n"
        "with state.supervision(SandboxHome(Path(sys.argv[1]), Path(sys.argv[1]))):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert state.supervisor_pid(home) == process.pid
        process.kill()
    assert state.supervisor_pid(home) is None
