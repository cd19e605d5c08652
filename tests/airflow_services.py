"""Airflow's services of a running sandbox, killed and started again, with faults between them and the outside world."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
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
    """An upstream that kills whoever asks for one of ``operations``, as often as it says: after the service did it."""

    upstream: Upstream
    operations: Counter[str] = field(default_factory=Counter)
    killed: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer, operation = self.upstream(request), operation_of(request)
        if self.operations[operation] > 0:
            self.operations[operation] -= 1
            _kill_client(int(request.extensions["client_port"]))
            self.killed.append(operation)
        return answer


@dataclass
class Services:
    """The services that this test owns in place of the sandbox's; ``killers`` stand before ``aws`` and ``druid``."""

    sandbox: Sandbox
    killers: Mapping[str, Killer]
    faults: Mapping[str, Injector]
    addresses: Mapping[str, str]
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
        proxied = dict.fromkeys(druid["extra"], self.addresses["druid"])
        druid["extra"] = proxied | {"ca_file": str(self.sandbox.home.ca_file)}
        return IMPATIENT | {
            "AWS_ENDPOINT_URL": self.addresses["aws"],
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
        addresses = {
            name: stack.enter_context(faulty(killer, injectors[name], tls)) for name, killer in killers.items()
        }
        services = Services(sandbox, killers, injectors, addresses)
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


def _kill_client(port: int) -> None:
    """SIGKILL for the process whose end of a connection ``port`` is."""
    found = [each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port and each.pid]
    (pid,) = {each for each in found if each != os.getpid()}
    psutil.Process(pid).kill()
