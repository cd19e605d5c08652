"""Processes that are owned: started with a log, waited for until they answer, stopped with everything they started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from druid_reindex.errors import Terminal
from druid_reindex.sandbox import guard

POLL_SECONDS = 0.2
PROBE_SECONDS = 2.0
GUARD_SECONDS = guard.KILL_SECONDS + 5
TAIL_LINES = 30
LOWEST_PRIORITY = 19

# PR_SET_PDEATHSIG fires when the starting *thread* ends, so that one thread that never ends starts every process.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")


class SandboxStartError(Terminal):
    """A service of the sandbox ended, or did not answer in time; the message carries the end of its log."""


@dataclass(frozen=True)
class ServiceSpec:
    """One process to run. `env` is its whole environment; `ready` is polled, and None means ready at once."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    log: Path
    ready: Callable[[], bool] | None = None
    ready_seconds: float = 120.0
    stop_seconds: float = 20.0
    stop_signal: signal.Signals = signal.SIGTERM


class OwnedProcess:
    """A running `ServiceSpec` under its guard: it ends with everything it started when stopped or when we die."""

    def __init__(self, spec: ServiceSpec, process: subprocess.Popen[bytes]) -> None:
        self.spec = spec
        self._process = process
        self._started = time.monotonic()

    @classmethod
    def start(cls, spec: ServiceSpec) -> OwnedProcess:
        """Start the process in a session of its own, its output appended to `spec.log`; callable from any thread."""
        return cls(spec, _STARTER.submit(_popen, spec).result())

    @property
    def pid(self) -> int:
        """The guard's pid, which is the id of the process group as well."""
        return self._process.pid

    def yield_threads(self, name: str) -> None:
        """Let the process's threads whose names begin so run only when nothing else on the machine wants to.

        Linux keeps a thread's first 15 characters. Source: https://man7.org/linux/man-pages/man2/setpriority.2.html
        """
        for comm in Path("/proc").glob("[0-9]*/task/[0-9]*/comm"):
            with contextlib.suppress(OSError):  # it has ended
                if os.getpgid(int(comm.parts[2])) == self.pid and comm.read_text().startswith(name):
                    os.setpriority(os.PRIO_PROCESS, int(comm.parts[4]), LOWEST_PRIORITY)

    def poll(self) -> int | None:
        """Return None while it runs, else its exit status (128 + the signal's number when it was killed)."""
        status = self._process.poll()
        return status if status is None or status >= 0 else 128 - status

    def is_ready(self) -> bool:
        """Return whether it answers now. Raises SandboxStartError when it ended or is overdue."""
        if (status := self.poll()) is not None:
            raise self.failure(f"it ended with status {status}")
        if self.spec.ready is None or self.spec.ready():
            return True
        if time.monotonic() - self._started > self.spec.ready_seconds:
            raise self.failure(f"no answer within {self.spec.ready_seconds:g} seconds")
        return False

    def wait_ready(self) -> None:
        """Return once it answers. Raises SandboxStartError, with the log's tail, when it ended or is overdue."""
        while not self.is_ready():
            time.sleep(POLL_SECONDS)

    def stop(self) -> int:
        """Stop it and everything it started, wait until all is gone, and return its exit status."""
        self.ask_to_stop()
        try:
            self._process.wait(self.spec.stop_seconds + GUARD_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
        status = self._process.wait()
        return status if status >= 0 else 128 - status

    def ask_to_stop(self) -> None:
        """Begin to stop it without waiting, so that several can stop side by side; `stop` completes it."""
        if self.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> int:
        """Wait until a process that ends by itself has ended, and return its status. Raises SandboxStartError."""
        deadline = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                self.stop()
                raise self.failure(f"not finished within {seconds:g} seconds")
            time.sleep(POLL_SECONDS)
        return status

    def failure(self, came_back: str) -> SandboxStartError:
        """The error that tells what came back, with the end of the log."""
        return SandboxStartError(
            f"Starting {self.spec.name}",
            resource=str(self.spec.log),
            came_back=f"{came_back}; its log ends with:\n{tail(self.spec.log)}",
            remedy="read the log named above, then run `druid-reindex sandbox up` again",
        )


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last `lines` lines of `log`; empty when there is none."""
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - 200 * lines))
            return "\n".join(handle.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def listens(host: str, port: int) -> Callable[[], bool]:
    """Return a probe that tells whether something accepts connections on the port."""

    def probe() -> bool:
        try:
            with socket.create_connection((host, port), PROBE_SECONDS):
                return True
        except OSError:
            return False

    return probe


def answers(url: str, ca_file: Path | None = None) -> Callable[[], bool]:
    """Return a probe that tells whether GET `url` answers 2xx; `ca_file` is what an https address must be signed by."""

    def probe() -> bool:
        try:
            return 200 <= _status(url, ca_file) < 300
        except (OSError, HTTPException):
            return False

    return probe


def _status(url: str, ca_file: Path | None) -> int:
    parts = urlsplit(url)
    connection = (
        HTTPSConnection(parts.netloc, timeout=PROBE_SECONDS, context=ssl.create_default_context(cafile=ca_file))
        if parts.scheme == "https"
        else HTTPConnection(parts.netloc, timeout=PROBE_SECONDS)
    )
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    finally:
        connection.close()


def _popen(spec: ServiceSpec) -> subprocess.Popen[bytes]:
    wrapped = (sys.executable, "-I", "-S", guard.__file__, str(os.getpid()))
    limits = (str(int(spec.stop_signal)), str(spec.stop_seconds))
    with spec.log.open("ab") as log:
        return subprocess.Popen(
            (*wrapped, *limits, *spec.argv),
            env=dict(spec.env),
            cwd=spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
