"""Owned processes: started with a log, waited for, stopped with all they started."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from druid_reindex.sandbox import guard
from druid_reindex.sandbox.processes import OwnedProcess, SandboxStartError, ServiceSpec, answers, listens, tail


def spec(folder: Path, script: str) -> ServiceSpec:
    return ServiceSpec(
        name="example",
        argv=("bash", "-c", script),
        env={"PATH": os.environ["PATH"], "WHO": "me"},
        cwd=folder,
        log=folder / "example.log",
        stop_seconds=5,
    )


def test_it_runs_in_its_directory_with_its_environment_into_its_log(tmp_path: Path) -> None:
    process = OwnedProcess.start(spec(tmp_path, "echo $WHO; pwd; env | wc -l >&2"))
    while process.poll() is None:
        time.sleep(0.02)
    who, where, variables = (tmp_path / "example.log").read_text().split()
    assert (who, where) == ("me", str(tmp_path))
    assert int(variables) <= 6
    assert process.poll() == 0


def test_stop_leaves_nothing_and_tells_how_it_ended(tmp_path: Path) -> None:
    before = guard.descendants(os.getpid())
    process = OwnedProcess.start(spec(tmp_path, "sleep 300 & setsid sleep 300 & touch up; wait"))
    while not (tmp_path / "up").exists():
        time.sleep(0.02)
    assert len(guard.descendants(os.getpid()) - before) == 4
    assert process.stop() == 128 + signal.SIGTERM
    assert guard.descendants(os.getpid()) - before == set()
    assert process.stop() == 128 + signal.SIGTERM


def test_the_stop_signal_is_the_services_own(tmp_path: Path) -> None:
    wanted = replace(spec(tmp_path, "trap 'exit 3' INT; touch up; while true; do sleep 0.05; done"))
    process = OwnedProcess.start(replace(wanted, stop_signal=signal.SIGINT))
    while not (tmp_path / "up").exists():
        time.sleep(0.02)
    assert process.stop() == 3


def test_threads_of_a_name_yield_and_others_do_not(tmp_path: Path) -> None:
    process = OwnedProcess.start(spec(tmp_path, "sleep 30 & echo $! > pid.new; mv pid.new pid; wait"))
    try:
        while not (tmp_path / "pid").exists():
            time.sleep(0.02)
        sleeper = int((tmp_path / "pid").read_text())
        while Path(f"/proc/{sleeper}/comm").read_text() != "sleep\n":
            time.sleep(0.02)
        before = os.getpriority(os.PRIO_PROCESS, process.pid)
        process.yield_threads("sleep")
        assert os.getpriority(os.PRIO_PROCESS, sleeper) == 19
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == before < 19
    finally:
        process.stop()


def test_a_process_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[OwnedProcess] = []
    thread = threading.Thread(target=lambda: started.append(OwnedProcess.start(spec(tmp_path, "sleep 300"))))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert started[0].poll() is None
    started[0].stop()


def test_ready_waits_for_the_probe(tmp_path: Path) -> None:
    wanted = replace(spec(tmp_path, "sleep 0.3; touch up; sleep 300"), ready=(tmp_path / "up").exists)
    process = OwnedProcess.start(wanted)
    assert not process.is_ready()
    process.wait_ready()
    assert process.is_ready()
    process.stop()


def test_a_service_that_ends_says_why(tmp_path: Path) -> None:
    process = OwnedProcess.start(replace(spec(tmp_path, "echo no such disk; exit 4"), ready=lambda: False))
    with pytest.raises(SandboxStartError, match=r"(?s)example.*status 4.*no such disk"):
        process.wait_ready()


def test_a_service_that_is_overdue_says_so(tmp_path: Path) -> None:
    slow = replace(spec(tmp_path, "echo thinking; sleep 300"), ready=lambda: False, ready_seconds=0.5)
    process = OwnedProcess.start(slow)
    with pytest.raises(SandboxStartError, match=r"(?s)within 0.5 seconds.*thinking"):
        process.wait_ready()
    process.stop()


def test_a_process_that_ends_by_itself_is_waited_for(tmp_path: Path) -> None:
    assert OwnedProcess.start(spec(tmp_path, "sleep 0.2; exit 6")).wait(10) == 6


def test_a_process_that_does_not_end_in_time_is_stopped(tmp_path: Path) -> None:
    process = OwnedProcess.start(spec(tmp_path, "sleep 300"))
    with pytest.raises(SandboxStartError, match=r"not finished within 0\.3 seconds"):
        process.wait(0.3)
    assert process.poll() == 128 + signal.SIGTERM


def test_the_environment_is_not_shown(tmp_path: Path) -> None:
    assert "WHO" not in repr(spec(tmp_path, "true"))


def test_tail_is_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(str(number) for number in range(1000)))
    assert tail(log, 2) == "998\n999"
    assert tail(tmp_path / "absent") == ""


def test_listens_tells_an_open_port_from_a_closed_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        probe = listens(*server.getsockname())
        assert probe()
    assert not probe()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def test_answers_wants_a_2xx() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert answers(f"{address}/good")()
        assert not answers(f"{address}/bad")()
        server.shutdown()
    assert not answers(f"{address}/good")()
