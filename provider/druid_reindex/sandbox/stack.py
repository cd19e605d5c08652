"""The sandbox as a whole: up, status, endpoints, environment, down, reset.

`down` then `up` is a fresh account and a fresh Druid: the emulated AWS keeps its objects and keys in memory, so that
Druid's metadata go with them. Airflow's database, the downloads and the certificate authority stay until `reset`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from druid_reindex.errors import RefusedError
from druid_reindex.model.pipeline import Classification
from druid_reindex.sandbox import airflow, distributions
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.druid_security import api_config
from druid_reindex.sandbox.home import CACHE_VARIABLE, HOME_VARIABLE, SandboxHome
from druid_reindex.sandbox.processes import SandboxStartError, tail
from druid_reindex.sandbox.state import Endpoints, Phase, SandboxState, endpoints, read_state, supervisor_pid

__all__ = ["Endpoints", "UpResult", "down", "endpoints", "environment", "reset", "status", "up"]

POLL_SECONDS = 0.3
SUPERVISOR_SECONDS = 15.0
UP_SECONDS = 600.0
DOWN_SECONDS = 180.0
SUPERVISOR = (sys.executable, "-m", "druid_reindex.sandbox.supervisor")
MADE_HERE = ("conf", "data", "logs", "pki")


@dataclass(frozen=True)
class UpResult:
    """The running sandbox; `was_up` tells that nothing had to be started."""

    endpoints: Endpoints
    was_up: bool
    seconds: float


def download(home: SandboxHome, report: Report) -> None:
    """Return once the cache has all that `up` needs, which then needs no network. Raises MavenError."""
    distributions.druid(home, report)
    distributions.hadoop(home, report)
    distributions.postgres(home, report)
    distributions.synthea(home, report)
    distributions.kdc(home, report)


def up(home: SandboxHome, report: Report, *, with_airflow: bool = True) -> UpResult:
    """Return once every service answers; what is missing is downloaded first. A running sandbox is left as it is.

    Interrupted, it stops what it started. Raises SandboxStartError, RefusedError, MavenError.
    """
    started = time.monotonic()
    state = read_state(home)
    if state.phase is Phase.UP and state.endpoints is not None:
        _refuse_another_kind(state.endpoints, with_airflow=with_airflow)
        return UpResult(state.endpoints, was_up=True, seconds=0.0)
    _refuse_half_a_sandbox(state)
    if supervisor_pid(home) is None:
        download(home, report)
        _start_supervisor(home, with_airflow=with_airflow)
    try:
        found = _follow(home, report)
    except BaseException:
        down(home)
        raise
    return UpResult(found, was_up=False, seconds=time.monotonic() - started)


def status(home: SandboxHome) -> SandboxState:
    """Return the supervisor's last report, or phase DOWN."""
    return read_state(home)


def down(home: SandboxHome) -> bool:
    """Stop the sandbox and return when nothing of it is left; False when there was nothing to stop."""
    pid = supervisor_pid(home)
    if pid is None:
        return False
    supervisor = psutil.Process(pid)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while supervisor_pid(home) == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    # It has let go of its lock; its process ends a moment later.
    with contextlib.suppress(psutil.NoSuchProcess):
        supervisor.wait(DOWN_SECONDS)
    return True


def reset(home: SandboxHome) -> None:
    """Stop the sandbox and delete its state, Airflow's history and the secrets included; the download cache stays."""
    down(home)
    for folder in MADE_HERE:
        shutil.rmtree(home.root / folder, ignore_errors=True)
    files = (home.secrets_file, home.state_file, home.addresses_file, home.hosts_file)
    for file in (*files, *home.root.glob(".*.lock"), home.root / "supervisor.pid"):
        file.unlink(missing_ok=True)
    if not any(home.root.iterdir()):
        home.root.rmdir()


def environment(home: SandboxHome) -> dict[str, str]:
    """Return the variables with which `aws`, boto3, curl, pydruid and `druid-reindex` reach the sandbox.

    AWS as the IAM user `operator`, Druid as the user of the connection of protected data, Airflow as the user that may
    do all; lineage goes to the same file as Airflow's.

    Raises NotFoundError when no sandbox is running.
    """
    found = endpoints(home)
    druid = api_config(home, found, Classification.PHI)
    variables = aws.user_environment(home, "operator") | {
        "DRUID_URL": found.druid,
        "DRUID_COORDINATOR_URL": found.coordinator,
        "DRUID_OVERLORD_URL": found.overlord,
        "DRUID_USER": druid.user,
        "DRUID_PASSWORD": druid.password,
        "DRUID_CA_FILE": str(home.ca_file),
    }
    if not found.airflow:
        return variables
    secret = home.secret(airflow.PASSWORD_SECRET)
    return variables | {
        "AIRFLOW_URL": found.airflow,
        "AIRFLOW_USER": airflow.USER,
        "AIRFLOW_PASSWORD": secret,
        "AIRFLOW_CA_FILE": str(home.ca_file),
        **airflow.lineage_environment(home),
    }


def _start_supervisor(home: SandboxHome, *, with_airflow: bool) -> None:
    home.state_file.unlink(missing_ok=True)
    arguments = () if with_airflow else ("--without-airflow",)
    with _supervisor_log(home).open("ab") as log:
        daemon = subprocess.Popen(
            (*SUPERVISOR, *arguments),
            env=os.environ | {HOME_VARIABLE: str(home.root), CACHE_VARIABLE: str(home.cache)},
            cwd=home.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    threading.Thread(target=daemon.wait, name="supervisor-reaper", daemon=True).start()
    deadline = time.monotonic() + SUPERVISOR_SECONDS
    while supervisor_pid(home) is None:
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise _failure(home, tail(_supervisor_log(home)))
        time.sleep(POLL_SECONDS)


def _follow(home: SandboxHome, report: Report) -> Endpoints:
    """Report each service's progress until the phase is UP."""
    told: dict[str, str] = {}
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        state = read_state(home)
        for service in state.services:
            if told.get(service.name) != service.condition:
                told[service.name] = service.condition
                report(f"{service.name}: {service.condition}")
        if state.phase is Phase.UP and state.endpoints is not None:
            return state.endpoints
        if state.phase is Phase.FAILED or supervisor_pid(home) is None:
            raise _failure(home, read_state(home).detail or tail(_supervisor_log(home)))
        time.sleep(POLL_SECONDS)
    raise _failure(home, f"not up after {UP_SECONDS:g} seconds")


def _refuse_another_kind(running: Endpoints, *, with_airflow: bool) -> None:
    if with_airflow and running.airflow is None:
        raise RefusedError(
            "Starting the sandbox with Airflow",
            resource="the sandbox that is running",
            came_back="it was started without Airflow",
            remedy="run `druid-reindex sandbox down`, then `up`",
        )


def _refuse_half_a_sandbox(state: SandboxState) -> None:
    if state.phase in {Phase.DEGRADED, Phase.STOPPING}:
        raise RefusedError(
            "Starting the sandbox",
            resource="the sandbox that is running",
            came_back=f"it is {state.phase}: {state.detail or 'its services are being stopped'}",
            remedy="run `druid-reindex sandbox down`, then `up`: a fresh account and a fresh Druid",
        )


def _failure(home: SandboxHome, came_back: str) -> SandboxStartError:
    return SandboxStartError(
        "Starting the sandbox",
        resource=str(home.root),
        came_back=came_back,
        remedy=f"read {_supervisor_log(home)} and the logs beside it, then run `druid-reindex sandbox up` again",
    )


def _supervisor_log(home: SandboxHome) -> Path:
    return home.logs() / "supervisor.log"
