"""`python -m druid_reindex.sandbox.supervisor`: the daemon that owns every process of one sandbox.

It starts PostgreSQL, a KDC, the AWS account, Druid and Airflow side by side as far as one needs the other, reports
into the state file, and stops all of them, in the reverse order, on SIGTERM or when one cannot start. When it is
killed, each service's guard ends that service; whatever escaped its guard is this process's to kill, as it is their
subreaper.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from druid_reindex.errors import DruidReindexError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import addresses, distributions, druid, druid_security, kdc, pki, postgres
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.druid_conf import DeepStorage, DruidSite
from druid_reindex.sandbox.druid_users import make_users, pipelines_in
from druid_reindex.sandbox.guard import become_subreaper, kill_descendants
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import POLL_SECONDS, OwnedProcess, ServiceSpec, tail
from druid_reindex.sandbox.state import (
    Endpoints,
    Phase,
    SandboxState,
    ServiceState,
    supervision,
    write_state,
)

WATCH_SECONDS = 1.0
READY = "ready"
# Emptied at each start: an account of AWS that is new knows no segment, key or run of an earlier one.
RENEWED_DATABASES = ("druid", "redshift")

log = logging.getLogger(__name__)


class StopRequestedError(Exception):
    """SIGTERM arrived while services were starting."""


@dataclass
class Supervisor:
    """The services of one sandbox, in tiers: a tier needs those before it, and is stopped before them."""

    home: SandboxHome
    stop_requested: threading.Event
    tiers: list[list[OwnedProcess]] = field(default_factory=list)
    endpoints: Endpoints | None = None
    conditions: dict[str, str] = field(default_factory=dict)

    def start(self, *, with_airflow: bool) -> None:
        """Start everything and return when all of it answers. Raises SandboxStartError, StopRequestedError."""
        self.endpoints, site, aws_port = _plan(self.home, with_airflow=with_airflow)
        self._report(Phase.STARTING)
        realm = kdc.site_service(self.home, log.info)
        database, _ = self._launch([postgres.postgres_service(self.home, self.endpoints.postgres_port), realm])
        zookeeper, *processes = druid.druid_services(site)
        account = aws.aws_service(self.home, aws_port, postgres_port=self.endpoints.postgres_port, enforcing=True)
        self._launch([account, zookeeper])
        self._await([database])
        postgres.make_databases(self.home, self.endpoints.postgres_port, RENEWED_DATABASES)
        self._launch(processes)
        if with_airflow:
            self._launch(_airflow(self.home))
        self._await(self._processes())
        _settle_druid(self.home, self.endpoints)
        if self.endpoints.airflow is not None:
            _settle_airflow(self.home, self.endpoints.airflow)
        self._report(Phase.UP)

    def watch(self) -> None:
        """Return when asked to stop; until then report each service that ends."""
        while not self.stop_requested.wait(WATCH_SECONDS):
            for process in self._processes():
                if (status := process.poll()) is not None and self.conditions[process.spec.name] == READY:
                    self.conditions[process.spec.name] = f"ended with status {status}"
                    log.error("%s ended with status %s", process.spec.name, status)
                    self._report(Phase.DEGRADED, f"{process.spec.name} ended:\n{tail(process.spec.log)}")

    def stop(self) -> bool:
        """Stop all services, last tier first; return whether no process is left."""
        self._report(Phase.STOPPING)
        for tier in reversed(self.tiers):
            for process in tier:
                process.ask_to_stop()
            for process in tier:
                log.info("%s stopped with status %s", process.spec.name, process.stop())
        return not kill_descendants()

    def _launch(self, specs: Sequence[ServiceSpec]) -> list[OwnedProcess]:
        tier: list[OwnedProcess] = []
        self.tiers.append(tier)
        for spec in specs:
            log.info("starting %s", spec.name)
            self.conditions[spec.name] = "starting"
            tier.append(OwnedProcess.start(spec))
        self._report(Phase.STARTING)
        return tier

    def _await(self, processes: Sequence[OwnedProcess]) -> None:
        waiting = [process for process in processes if self.conditions[process.spec.name] != READY]
        while waiting:
            if self.stop_requested.wait(POLL_SECONDS):
                raise StopRequestedError
            for process in [process for process in waiting if process.is_ready()]:
                waiting.remove(process)
                self.conditions[process.spec.name] = READY
                log.info("%s is ready", process.spec.name)
                self._report(Phase.STARTING)

    def _processes(self) -> list[OwnedProcess]:
        return [process for tier in self.tiers for process in tier]

    def _report(self, phase: Phase, detail: str = "") -> None:
        services = tuple(
            ServiceState(name, condition, str(self.home.logs() / f"{name}.log"))
            for name, condition in self.conditions.items()
        )
        write_state(self.home, SandboxState(phase, services, self.endpoints, detail))


def main(argv: Sequence[str] | None = None) -> int:
    """Supervise until SIGTERM; return 0 when everything started, was stopped, and nothing is left."""
    parser = argparse.ArgumentParser(description="The daemon that owns the sandbox's processes.")
    parser.add_argument("--without-airflow", action="store_true")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    stop_requested = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop_requested.set())
    become_subreaper()
    home = SandboxHome.from_environment()
    with supervision(home):
        return _supervise(Supervisor(home, stop_requested), with_airflow=not arguments.without_airflow)


def _supervise(supervisor: Supervisor, *, with_airflow: bool) -> int:
    final = SandboxState(Phase.FAILED, detail="the supervisor met an error of its own; its log has it")
    try:
        supervisor.start(with_airflow=with_airflow)
        supervisor.watch()
        final = SandboxState(Phase.DOWN)
    except StopRequestedError:
        final = SandboxState(Phase.DOWN)
    except DruidReindexError as error:
        log.exception("the sandbox could not start")
        final = SandboxState(Phase.FAILED, detail=str(error))
    finally:
        is_clean = supervisor.stop()
        write_state(supervisor.home, final)
    return 0 if is_clean and final.phase is Phase.DOWN else 1


def _plan(home: SandboxHome, *, with_airflow: bool) -> tuple[Endpoints, DruidSite, int]:
    """Choose ports and prepare what services read at their start: certificates, names, the account's secret."""
    pki.ensure_ca(home)
    addresses.forget_cluster_addresses(home)
    postgres_port, aws_port, ports = addresses.free_port(), addresses.free_port(), druid.choose_ports()
    metadata = postgres.database(home, postgres_port, "druid")
    aws.keep_metadata_secret(home, metadata.user, metadata.password, metadata.jdbc_url)
    storage = _deep_storage(f"https://{addresses.LOOPBACK}:{aws_port}")
    key = aws.access_key(home, "druid")
    site = DruidSite(
        home=home,
        layout=distributions.druid(home, log.info),
        ports=ports,
        metadata=metadata,
        storage=storage,
        aws_environment={"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret},
    )
    found = Endpoints(
        aws=storage.endpoint_url,
        druid=druid.url(ports.broker),
        coordinator=druid.url(ports.coordinator),
        overlord=druid.url(ports.coordinator),
        postgres_port=postgres_port,
        airflow=f"https://{addresses.LOOPBACK}:{addresses.free_port()}" if with_airflow else None,
    )
    return found, site, aws_port


def _deep_storage(endpoint_url: str) -> DeepStorage:
    """Return the places that the boundary of protected data names. Raises ConfigurationError."""
    boundaries = load_boundaries(aws.emr_configs())
    return DeepStorage(
        segments=S3Uri.parse(boundaries.phi.segments_uri),
        task_logs=S3Uri.parse(boundaries.phi.task_logs_uri),
        kms_key_arn=boundaries.phi.kms_key_arn,
        region=boundaries.region,
        endpoint_url=endpoint_url,
    )


def _settle_druid(home: SandboxHome, found: Endpoints) -> None:
    """Return once Druid has its workers and knows the users of Airflow's connections."""
    from druid_reindex.sandbox.airflow import dags_folder  # noqa: PLC0415

    druid.settle(druid_security.admin_config(home, found))
    make_users(home, found, pipelines_in(dags_folder() / "pipelines", load_boundaries(aws.emr_configs())))


def _airflow(home: SandboxHome) -> list[ServiceSpec]:
    """Return Airflow's services; its module is loaded for a sandbox with Airflow alone."""
    from druid_reindex.sandbox.airflow import airflow_services  # noqa: PLC0415

    return airflow_services(home)


def _settle_airflow(home: SandboxHome, url: str) -> None:
    """Make what nights expect of an Airflow that answers."""
    from druid_reindex.sandbox import airflow  # noqa: PLC0415

    airflow.settle(home, url)


if __name__ == "__main__":
    raise SystemExit(main())
