"""Airflow's services of a running sandbox, killed and started again, with faults between them and the outside world."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import httpx
import psutil

from druid_reindex.sandbox.airflow import airflow_services
from druid_reindex.sandbox.pki import server_certificate
from druid_reindex.sandbox.processes import OwnedProcess
from druid_reindex.sandbox.state import supervisor_pid
from faults import Injector, TlsFiles, Upstream, faulty, forwarding, operation_of
from real_sandbox import Sandbox

KILLED = ("airflow-scheduler", "airflow-triggerer", "airflow-dag-processor")
# Airflow waits minutes before it takes a silent process for dead; a test cannot.
IMPATIENT = {
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "3",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


@dataclass
class Killer:
    """An upstream that, once armed, kills whoever asks for ``operation``: after the service has done it.

    Other tasks that have a connection at that moment die with it.
    """

    upstream: Upstream
    operation: str | None = None
    killed: list[int] = field(default_factory=list)
    port: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.upstream(request)
        if self.operation == operation_of(request):
            self.operation = None
            self.killed += _kill_clients(self.port)
        return answer


@dataclass
class Services:
    """The services that this test owns in place of the sandbox's; ``aws`` and ``druid`` stand before the real ones."""

    sandbox: Sandbox
    aws: Killer
    druid: Killer
    faults: Mapping[str, Injector]
    running: dict[str, OwnedProcess] = field(default_factory=dict)

    def kill(self, name: str) -> None:
        """Kill the service and all that it started, with SIGKILL."""
        killed = self.running.pop(name)
        kill_tree(psutil.Process(killed.pid))
        killed.stop()

    def start(self, name: str) -> None:
        """Start the service."""
        self.running[name] = OwnedProcess.start(self._specs[name])

    def __post_init__(self) -> None:
        self._specs = {
            spec.name: replace(spec, env={**spec.env, **self._environment(spec.env)})
            for spec in airflow_services(self.sandbox.home)
        }

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        druid = json.loads(env["AIRFLOW_CONN_DRUID_PHI"])
        proxied = dict.fromkeys(druid["extra"], f"https://127.0.0.1:{self.druid.port}")
        druid["extra"] = proxied | {"ca_file": str(self.sandbox.home.ca_file)}
        return IMPATIENT | {
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{self.aws.port}",
            "AIRFLOW_CONN_DRUID_PHI": json.dumps(druid),
        }


@contextlib.contextmanager
def owned_services(sandbox: Sandbox) -> Iterator[Services]:
    """Airflow's scheduler, triggerer and DAG processor as processes of the test, behind proxies; stopped at the end."""
    home, certificate = sandbox.home, server_certificate(sandbox.home, "faults")
    tls = TlsFiles(certificate.certificate, certificate.key)
    with contextlib.ExitStack() as stack:

        def forward(url: str) -> Upstream:
            return stack.enter_context(forwarding(url, home.ca_file))

        injectors = {"aws": Injector(), "druid": Injector()}
        killers = {"aws": Killer(forward(sandbox.endpoints.aws)), "druid": Killer(_by_path(sandbox, forward))}
        for name, killer in killers.items():
            killer.port = httpx.URL(stack.enter_context(faulty(killer, injectors[name], tls))).port or 0
        services = Services(sandbox, killers["aws"], killers["druid"], injectors)
        _end_the_sandboxs_own(sandbox)
        try:
            for name in KILLED:
                services.start(name)
            yield services
        finally:
            for process in services.running.values():
                process.stop()


def _by_path(sandbox: Sandbox, forward: Callable[[str], Upstream]) -> Upstream:
    """Druid's servers behind one address, told apart as its Router tells them."""
    overlord, coordinator, broker = map(
        forward, (sandbox.endpoints.overlord, sandbox.endpoints.coordinator, sandbox.endpoints.druid)
    )

    def send(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/druid/indexer"):
            return overlord(request)
        return (coordinator if path.startswith("/druid/coordinator") else broker)(request)

    return send


def kill_tree(process: psutil.Process) -> None:
    """SIGKILL for a process and everything below it."""
    for each in [*process.children(recursive=True), process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def _end_the_sandboxs_own(sandbox: Sandbox) -> None:
    supervisor = supervisor_pid(sandbox.home)
    assert supervisor is not None
    for guard in psutil.Process(supervisor).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            words = guard.cmdline()
            if "airflow" in words and any(name.removeprefix("airflow-") in words for name in KILLED):
                kill_tree(guard)


def _kill_clients(port: int) -> list[int]:
    """The pids of the task processes that had a connection to ``port``, once they are killed."""
    killed = []
    for process in psutil.process_iter(["name"]):
        if process.pid == os.getpid() or "triggerer" in " ".join(_words(process)):
            continue
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp")):
                process.kill()
                killed.append(process.pid)
    return killed


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
