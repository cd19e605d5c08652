"""What the supervisor says about itself: its phase, its services, and the endpoints that stand for AWS and Druid."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from druid_reindex.errors import ConflictError, NotFoundError
from druid_reindex.sandbox.home import SandboxHome, replace

LOCK_SECONDS = 2.0


class Phase(StrEnum):
    """Where the sandbox is between nothing and nothing."""

    STARTING = "starting"
    UP = "up"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    FAILED = "failed"
    DOWN = "down"


@dataclass(frozen=True)
class Endpoints:
    """The addresses of a running sandbox; `airflow` is None when it was started without Airflow."""

    aws: str
    druid: str
    coordinator: str
    overlord: str
    postgres_port: int
    airflow: str | None


@dataclass(frozen=True)
class ServiceState:
    """One service: `condition` is `starting`, `ready` or how it ended."""

    name: str
    condition: str
    log: str


@dataclass(frozen=True)
class SandboxState:
    """One report of the supervisor; `detail` says why for a phase that needs a reason."""

    phase: Phase
    services: tuple[ServiceState, ...] = ()
    endpoints: Endpoints | None = None
    detail: str = ""


def write_state(home: SandboxHome, state: SandboxState) -> None:
    """Publish the supervisor's report."""
    replace(home.state_file, json.dumps(asdict(state), indent=1))


def read_state(home: SandboxHome) -> SandboxState:
    """Return the last report; a phase that only a living supervisor can be in is DOWN when there is none."""
    try:
        raw = json.loads(home.state_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return SandboxState(Phase.DOWN)
    phase = Phase(raw["phase"])
    if phase not in {Phase.FAILED, Phase.DOWN} and supervisor_pid(home) is None:
        return SandboxState(Phase.DOWN, detail="the supervisor was killed, and its services with it")
    return SandboxState(
        phase=phase,
        services=tuple(ServiceState(**service) for service in raw["services"]),
        endpoints=Endpoints(**raw["endpoints"]) if raw["endpoints"] else None,
        detail=raw["detail"],
    )


def endpoints(home: SandboxHome) -> Endpoints:
    """Return the running sandbox's endpoints. Raises NotFoundError when none is running."""
    found = read_state(home).endpoints
    if found is None:
        raise NotFoundError(
            "Looking for the sandbox's endpoints",
            resource=str(home.root),
            came_back="no sandbox is running here",
            remedy="run `druid-reindex sandbox up`",
        )
    return found


@contextlib.contextmanager
def supervision(home: SandboxHome) -> Iterator[None]:
    """Be the one supervisor of this home; the kernel ends it with the process. Raises ConflictError."""
    with _supervisor_file(home).open("a+", encoding="utf-8") as handle:
        if not _locked(handle):
            handle.seek(0)
            raise ConflictError(
                "Starting the sandbox's supervisor",
                resource=str(home.root),
                came_back=f"process {handle.read()} supervises it already",
                remedy="use that sandbox, or stop it with `druid-reindex sandbox down`",
            )
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def supervisor_pid(home: SandboxHome) -> int | None:
    """Return the pid of the supervisor that is alive, or None: whoever holds the lock is alive."""
    try:
        with _supervisor_file(home).open(encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(handle.read() or 0) or None
            return None
    except FileNotFoundError:
        return None


def _locked(handle: TextIO) -> bool:
    """Take the lock; patient enough for those who hold it for an instant to see whether anybody has it."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _supervisor_file(home: SandboxHome) -> Path:
    return home.state_file.with_name("supervisor.pid")
