"""The sandbox as a whole, with a script in the supervisor's place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from druid_reindex.errors import NotFoundError, RefusedError
from druid_reindex.sandbox import stack
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import SandboxStartError
from druid_reindex.sandbox.state import Phase, read_state, supervisor_pid

SUPERVISOR = """
import signal, sys, threading, time
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.state import Endpoints, Phase, SandboxState, ServiceState, supervision, write_state

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
home, way = SandboxHome.from_environment(), sys.argv[1]
airflow = None if "--without-airflow" in sys.argv else "http://127.0.0.1:5"
found = Endpoints("https://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:3", 4, airflow)
if way == "crash":
    sys.exit("no module named nonsense")
with supervision(home):
    write_state(home, SandboxState(Phase.STARTING, (ServiceState("broker", "starting", "-"),), found))
    time.sleep(0.5)
    if way == "fail":
        write_state(home, SandboxState(Phase.FAILED, detail="the disk is full"))
        sys.exit(1)
    phase = Phase.DEGRADED if way == "degrade" else Phase.UP
    if way != "hang":
        write_state(home, SandboxState(phase, (ServiceState("broker", "ready", "-"),), found, way))
    stop.wait()
    write_state(home, SandboxState(Phase.DOWN))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHome]:
    home = SandboxHome(tmp_path / "root", tmp_path / "cache")
    monkeypatch.setattr(stack, "download", lambda *_: None)
    monkeypatch.setattr(stack, "POLL_SECONDS", 0.02)
    yield home
    stack.down(home)


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    script = tmp_path / "supervisor.py"
    script.write_text(SUPERVISOR)
    return lambda way: monkeypatch.setattr(stack, "SUPERVISOR", (sys.executable, str(script), way))


def ignore(line: str) -> None:
    assert line


def test_up_tells_its_progress_and_ends_with_endpoints(home: SandboxHome, supervised: Callable[[str], None]) -> None:
    supervised("work")
    lines: list[str] = []
    result = stack.up(home, lines.append)
    assert not result.was_up
    assert result.endpoints == stack.endpoints(home)
    assert lines == ["broker: starting", "broker: ready"]


def test_a_second_up_starts_nothing(home: SandboxHome, supervised: Callable[[str], None]) -> None:
    supervised("work")
    stack.up(home, ignore)
    pid = supervisor_pid(home)
    again = stack.up(home, ignore)
    assert again.was_up
    assert supervisor_pid(home) == pid


def test_down_ends_the_supervisor_and_has_nothing_to_do_twice(
    home: SandboxHome, supervised: Callable[[str], None]
) -> None:
    supervised("work")
    stack.up(home, ignore)
    assert stack.down(home)
    assert supervisor_pid(home) is None
    assert not stack.down(home)
    with pytest.raises(NotFoundError):
        stack.endpoints(home)


@pytest.mark.parametrize(("way", "reason"), [("fail", "the disk is full"), ("crash", "no module named nonsense")])
def test_a_failed_start_says_why(home: SandboxHome, supervised: Callable[[str], None], way: str, reason: str) -> None:
    supervised(way)
    with pytest.raises(SandboxStartError, match=reason):
        stack.up(home, ignore)
    assert supervisor_pid(home) is None


def test_an_interrupted_up_leaves_nothing(home: SandboxHome, supervised: Callable[[str], None]) -> None:
    supervised("hang")

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        stack.up(home, interrupt)
    assert supervisor_pid(home) is None


def test_a_sandbox_that_lost_a_service_wants_a_fresh_start(
    home: SandboxHome, supervised: Callable[[str], None]
) -> None:
    supervised("degrade")
    stack._start_supervisor(home, with_airflow=True)
    while read_state(home).phase is not Phase.DEGRADED:
        time.sleep(0.02)
    with pytest.raises(RefusedError, match=r"degraded.*sandbox down"):
        stack.up(home, ignore)


def test_airflow_is_not_added_to_a_sandbox_without_it(home: SandboxHome, supervised: Callable[[str], None]) -> None:
    supervised("work")
    stack.up(home, ignore, with_airflow=False)
    with pytest.raises(RefusedError, match="without Airflow"):
        stack.up(home, ignore)
    assert "AIRFLOW_URL" not in {*stack.up(home, ignore, with_airflow=False).endpoints.__dict__}


def test_the_environment_reaches_every_endpoint(home: SandboxHome, supervised: Callable[[str], None]) -> None:
    supervised("work")
    stack.up(home, ignore)
    stack.aws.aws_service(home, 1)
    found = stack.environment(home)
    assert found["AWS_ENDPOINT_URL"] == "https://127.0.0.1:1"
    assert found["AWS_CA_BUNDLE"] == str(home.ca_file)
    assert found["DRUID_URL"] == "http://127.0.0.1:2"
    assert found["DRUID_COORDINATOR_URL"] == found["DRUID_OVERLORD_URL"] == "http://127.0.0.1:3"
    user = (found["DRUID_USER"], found["DRUID_PASSWORD"], found["DRUID_CA_FILE"])
    assert user == ("airflow_phi", home.secret("druid_airflow_phi_password"), str(home.ca_file))
    assert found["AIRFLOW_URL"] == "http://127.0.0.1:5"
    assert found["AIRFLOW_CA_FILE"] == str(home.ca_file)
    assert (found["AIRFLOW_USER"], found["AIRFLOW_PASSWORD"]) == ("admin", home.secret("airflow_admin_password"))
    assert found["OPENLINEAGE_NAMESPACE"] == "sandbox"
    assert found["AWS_ACCESS_KEY_ID"] == stack.aws.access_key(home, "operator").id


def test_reset_deletes_what_was_made_and_nothing_else(home: SandboxHome, supervised: Callable[[str], None]) -> None:
    supervised("work")
    stack.up(home, ignore)
    home.secret("password")
    home.data("druid")
    home.cache.mkdir()
    (home.root / "notes.txt").write_text("mine")
    stack.reset(home)
    assert [path.name for path in home.root.iterdir()] == ["notes.txt"]
    assert home.cache.is_dir()


def test_reset_of_a_home_that_is_ours_alone_removes_it(home: SandboxHome) -> None:
    home.secret("password")
    stack.reset(home)
    assert not home.root.exists()
