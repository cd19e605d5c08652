"""Druid 25 as separate real processes: ZooKeeper, coordinator with overlord, broker, historical, middleManager."""

from __future__ import annotations

import os
import shutil
import time

import httpx

from druid_reindex.clients.druid_http import DruidConfig, client_arguments
from druid_reindex.errors import DeadlineError
from druid_reindex.sandbox import druid_security
from druid_reindex.sandbox.addresses import LOOPBACK, free_port
from druid_reindex.sandbox.druid_conf import (
    PASSWORD_VARIABLE,
    WORKER_CAPACITY,
    DruidPorts,
    DruidSite,
    jvm_options,
    write_configuration,
    zookeeper_file,
)
from druid_reindex.sandbox.pki import server_certificate
from druid_reindex.sandbox.processes import POLL_SECONDS, ServiceSpec, answers, listens

READY_SECONDS = 240.0
STOP_SECONDS = 30.0
SETTLE_SECONDS = 60.0
MAIN = "org.apache.druid.cli.Main"
ZOOKEEPER_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
# A coordinator that leads is one that has polled its metadata; an idle broker is ready once it knows its historicals.
# These paths ask for no user; that the overlord has its middleManager is what `settle` waits for.
# Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html
READY_PATHS = {
    "coordinator": "/druid/indexer/v1/isLeader",
    "broker": "/druid/broker/v1/readiness",
    "historical": "/druid/historical/v1/readiness",
    "middleManager": "/status/health",
}
HEAP_MEGABYTES = {"coordinator": 384, "broker": 320, "historical": 320, "middleManager": 128}


def choose_ports() -> DruidPorts:
    """Return free ports for every process, and as many for peons as can run at once, twice."""
    return DruidPorts(
        zookeeper=free_port(),
        coordinator=free_port(),
        broker=free_port(),
        historical=free_port(),
        middle_manager=free_port(),
        peons=tuple(free_port() for _ in range(2 * WORKER_CAPACITY)),
    )


def druid_services(site: DruidSite) -> list[ServiceSpec]:
    """Return ZooKeeper and Druid's processes in the order to start them; stop them in the reverse order.

    Their earlier state is dropped: metadata, deep storage and keys of an earlier account are gone as well.
    """
    shutil.rmtree(site.work)
    shutil.rmtree(site.home.data("zookeeper"))
    server_certificate(site.home, druid_security.CERTIFICATE)
    write_configuration(site)
    return [_zookeeper(site), *(_druid(site, process) for process in HEAP_MEGABYTES)]


def settle(admin: DruidConfig) -> None:
    """Return once the overlord has a worker, with one replica as the default load rule: there is one historical.

    It is handed all that it is to load at once, not a hundred segments in each of the Coordinator's rounds.
    Source: https://druid.apache.org/docs/25.0.0/configuration/index.html#dynamic-configuration
    Raises DeadlineError, or httpx.HTTPError where the coordinator answers with an error.
    """
    rule = {"type": "loadForever", "tieredReplicants": {"_default_tier": 1}}
    deadline = time.monotonic() + SETTLE_SECONDS
    with httpx.Client(**client_arguments(admin), base_url=admin.coordinator_url) as coordinator:
        coordinator.post("/druid/coordinator/v1/rules/_default", json=[rule]).raise_for_status()
        coordinator.post("/druid/coordinator/v1/config", json={"maxSegmentsInNodeLoadingQueue": 0}).raise_for_status()
        while not coordinator.get("/druid/indexer/v1/workers").raise_for_status().json():
            if time.monotonic() > deadline:
                raise DeadlineError(
                    "Waiting for Druid's overlord to find its middleManager",
                    resource=admin.coordinator_url,
                    came_back=f"no worker after {SETTLE_SECONDS:g} seconds",
                    remedy="read coordinator.log and middleManager.log in the sandbox's logs",
                )
            time.sleep(POLL_SECONDS)


def url(port: int) -> str:
    """Return the address of a Druid process."""
    return f"https://{LOOPBACK}:{port}"


def _zookeeper(site: DruidSite) -> ServiceSpec:
    java = ("java", *jvm_options(site, heap_megabytes=64), "-Dzookeeper.forceSync=no")
    return ServiceSpec(
        name="zookeeper",
        argv=(*java, "-cp", f"{site.layout.lib}/*", ZOOKEEPER_MAIN, str(zookeeper_file(site))),
        env=_machine(),
        cwd=site.home.data("zookeeper"),
        log=site.home.logs() / "zookeeper.log",
        ready=listens(LOOPBACK, site.ports.zookeeper),
        ready_seconds=READY_SECONDS,
    )


def _druid(site: DruidSite, process: str) -> ServiceSpec:
    ports = {
        "coordinator": site.ports.coordinator,
        "broker": site.ports.broker,
        "historical": site.ports.historical,
        "middleManager": site.ports.middle_manager,
    }
    class_path = os.pathsep.join((f"{site.layout.lib}/*", str(site.common), str(site.conf(process))))
    return ServiceSpec(
        name=process,
        argv=("java", *jvm_options(site, HEAP_MEGABYTES[process]), "-cp", class_path, MAIN, "server", process),
        env=_environment(site),
        cwd=site.work,
        log=site.home.logs() / f"{process}.log",
        ready=answers(url(ports[process]) + READY_PATHS[process], site.home.ca_file),
        ready_seconds=READY_SECONDS,
        stop_seconds=STOP_SECONDS,
    )


def _environment(site: DruidSite) -> dict[str, str]:
    return (
        _machine()
        | dict(site.aws_environment)
        | druid_security.environment(site.home)
        | {
            PASSWORD_VARIABLE: site.metadata.password,
            "AWS_REGION": site.storage.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )


def _machine() -> dict[str, str]:
    kept = ("PATH", "HOME", "JAVA_HOME", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"TZ": "UTC"}
