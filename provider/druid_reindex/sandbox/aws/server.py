"""`python -m druid_reindex.sandbox.aws.server`: the emulated account as one process."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Sequence

from druid_reindex.sandbox import addresses, pki
from druid_reindex.sandbox.aws import account, protection, signing, simulation, wsgi
from druid_reindex.sandbox.aws.emr.api import install
from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.emr.service_role import ServiceCalls
from druid_reindex.sandbox.aws.gate import bodies, records, sessions
from druid_reindex.sandbox.aws.gate.middleware import Gate
from druid_reindex.sandbox.aws.gate.services import ServiceAccess
from druid_reindex.sandbox.aws.redshift.api import Redshift
from druid_reindex.sandbox.aws.site import Daemons, Site
from druid_reindex.sandbox.aws.tls import TlsServer
from druid_reindex.sandbox.guard import become_subreaper, kill_descendants
from druid_reindex.sandbox.home import SandboxHome

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the account until SIGTERM; return 0 when every process of every cluster is gone, else 1."""
    parser = argparse.ArgumentParser(description="An emulated AWS account on one machine.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--daemons", type=Daemons, choices=list(Daemons), default=Daemons.HADOOP)
    parser.add_argument("--postgres-port", type=int, help="the PostgreSQL that takes Redshift's place")
    gate = parser.add_mutually_exclusive_group()
    gate.add_argument("--enforce", dest="enforcing", action="store_true", help="refuse what policies do not allow")
    gate.add_argument("--observe", dest="enforcing", action="store_false", help="record decisions, refuse nothing")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    become_subreaper()
    home = SandboxHome.from_environment()
    endpoint_url = f"https://{addresses.LOOPBACK}:{arguments.port}"
    site = Site(home, endpoint_url, arguments.daemons, arguments.postgres_port)
    server, redshift = start(site, arguments.port, enforcing=arguments.enforcing)
    stop.wait()
    redshift.data.stop()
    EmrBackend.stop_clusters()
    server.shutdown()
    return 1 if kill_descendants() else 0


def start(site: Site, port: int, *, enforcing: bool = False) -> tuple[TlsServer, Redshift]:
    """Create the account and serve it from a thread; return its server, which answers by then, and its Redshift."""
    bodies.install()
    sessions.install()
    addresses.forget_cluster_addresses(site.home)
    kept = records.Records(records.file(site.home))
    install(site, ServiceCalls(kept, enforcing))
    simulation.install()
    protection.install()
    signing.install()
    account.create(site.home)
    certificate = pki.server_certificate(site.home, "aws")
    redshift = Redshift(site, ServiceAccess(kept, enforcing=enforcing))
    application = wsgi.application((Gate(kept, enforcing=enforcing), redshift))
    server = TlsServer(addresses.LOOPBACK, port, application, certificate.certificate, certificate.key)
    threading.Thread(target=server.serve_forever, name="aws-endpoint", daemon=True).start()
    log.info("the account answers at %s", site.endpoint_url)
    return server, redshift


if __name__ == "__main__":
    raise SystemExit(main())
