"""Druid servers beside a sandbox's own, each with one protection off, and ways to Druid that are not protected."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.addresses import free_port
from druid_reindex.sandbox.druid import MAIN, url
from druid_reindex.sandbox.processes import OwnedProcess, ServiceSpec, answers
from faults import Injector, TlsFiles, Upstream, faulty, forwarding
from real_sandbox import Sandbox, processes

READY_SECONDS = 120.0
ROUTER = {
    "druid.service": "druid/router",
    "druid.router.defaultBrokerServiceName": "druid/broker",
    "druid.router.coordinatorServiceName": "druid/coordinator",
    "druid.router.managementProxy.enabled": "true",
    "druid.router.http.numConnections": "5",
}
ESCALATOR, CACHE_FOLDER = "druid.escalator.type", "druid.auth.basic.common.cacheDirectory"
CACHED = {"druid.auth.basic.common.maxSyncRetries": "1"}
BROKER = {
    "druid.service": "druid/careless-broker",
    "druid.broker.http.numConnections": "5",
    "druid.sql.planner.metadataRefreshPeriod": "PT2S",
}


@dataclass(frozen=True)
class Careless:
    """One more Druid server: where it answers by TLS, and in clear text where its properties say so."""

    tls_url: str
    plain_url: str


@contextmanager
def server(sandbox: Sandbox, folder: Path, process: str, properties: Mapping[str, str]) -> Iterator[Careless]:
    """A ``process`` (router or broker) of the sandbox's Druid with properties of its own, until the block ends.

    One that cannot log in to the Coordinator knows the users from its cache, so that it runs once before as it should.
    """
    tls, plain = free_port(), free_port()
    ports = {"druid.tlsPort": str(tls), "druid.plaintextPort": str(plain)}
    if ESCALATOR in properties:
        with _running(sandbox, folder, process, ports):
            pass
    with _running(sandbox, folder, process, ports | dict(properties)):
        _until_known(sandbox, tls, known=True)
        yield Careless(url(tls), f"http://127.0.0.1:{plain}")
    _until_known(sandbox, tls, known=False)


@contextmanager
def _running(sandbox: Sandbox, folder: Path, process: str, properties: Mapping[str, str]) -> Iterator[None]:
    told = (
        (ROUTER if process == "router" else BROKER) | CACHED | {CACHE_FOLDER: str(folder / "users")} | dict(properties)
    )
    (folder / "runtime.properties").write_text("".join(f"{name}={value}\n" for name, value in told.items()))
    command = {each: each.cmdline() for each in processes(sandbox.home)}
    broker = next(
        each for each, words in command.items() if words[:1] == ["java"] and words[-3:] == [MAIN, "server", "broker"]
    )
    started = OwnedProcess.start(
        ServiceSpec(
            name=f"careless-{process}",
            argv=_command(broker, sandbox.home.conf("druid") / "broker", folder, process),
            env=broker.environ(),
            cwd=folder,
            log=folder / f"{process}.log",
            ready=answers(f"{url(int(properties['druid.tlsPort']))}/status/health", sandbox.home.ca_file),
            ready_seconds=READY_SECONDS,
        )
    )
    try:
        started.wait_ready()
        yield
    finally:
        started.stop()


def _until_known(sandbox: Sandbox, tls_port: int, *, known: bool) -> None:
    """Return once Druid's other servers know of the server, or have forgotten it."""
    deadline = time.monotonic() + READY_SECONDS
    asked = f'SELECT "server" FROM sys.servers WHERE "tls_port" = {tls_port}'
    while bool(sandbox.druid.query(asked)) is not known:
        assert time.monotonic() < deadline, f"known: {not known}"
        time.sleep(0.5)


def _command(broker: psutil.Process, conf: Path, folder: Path, process: str) -> tuple[str, ...]:
    """The broker's own command, for another process with another `runtime.properties`."""
    *words, _ = (word.replace(str(conf), str(folder)) for word in broker.cmdline())
    return (*words, process)


@contextmanager
def entry(sandbox: Sandbox, config: DruidConfig, name: str, life: timedelta = pki.LIFE) -> Iterator[str]:
    """The address of an entry before the Coordinator, whose certificate lives so long."""
    with (
        forwarding(config.coordinator_url, sandbox.home.ca_file) as upstream,
        _answering(sandbox, upstream, name, life) as address,
    ):
        yield address


@contextmanager
def entry_that_logs_in(sandbox: Sandbox, config: DruidConfig) -> Iterator[str]:
    """The address of an entry before the Coordinator that logs everybody in as ``config``'s user."""
    login = httpx.BasicAuth(config.user, config.password)
    with forwarding(config.coordinator_url, sandbox.home.ca_file) as upstream:

        def log_in(request: httpx.Request) -> httpx.Response:
            return upstream(next(login.auth_flow(request)))

        with _answering(sandbox, log_in, "login", pki.LIFE) as address:
            yield address


@contextmanager
def _answering(sandbox: Sandbox, upstream: Upstream, name: str, life: timedelta) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pki, "LIFE", life)
        made = pki.server_certificate(sandbox.home, name)
    with faulty(upstream, Injector(), TlsFiles(made.certificate, made.key)) as address:
        yield address
