"""Probes of a cluster's daemons, against a server that speaks TLS under a certificate for the cluster's name."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from druid_reindex.sandbox import hadoop_security, hadoop_tls, pki
from druid_reindex.sandbox.addresses import ClusterAddress, free_port
from druid_reindex.sandbox.hadoop_security import HadoopSecurity
from druid_reindex.sandbox.hadoop_web import Web
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import SandboxStartError

ADDRESS = ClusterAddress("127.0.0.1", "ip-127-77-1-2.ec2.internal")
METRICS = b'{"clusterMetrics": {"activeNodes": 1}}'


class Manager(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(METRICS)))
        self.end_headers()
        self.wfile.write(METRICS)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


@pytest.fixture
def manager(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    port = free_port()
    monkeypatch.setattr(hadoop_security, "RESOURCE_MANAGER_HTTPS_PORT", port)
    made = pki.server_certificate(home, "clusters", dns=("*.ec2.internal",), ips=())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with http.server.ThreadingHTTPServer((ADDRESS.ip, port), Manager) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def secured(home: SandboxHome, folder: Path) -> HadoopSecurity:
    stores = hadoop_tls.from_sandbox_ca(home, ADDRESS, folder)
    return HadoopSecurity("EC2.INTERNAL", ADDRESS.dns, folder, stores, in_transit=True)


@pytest.mark.usefixtures("manager")
def test_the_clusters_name_and_authority_are_checked(home: SandboxHome, tmp_path: Path) -> None:
    trusting = secured(home, tmp_path / "a")
    assert Web(ADDRESS, trusting).cluster_metrics() == {"activeNodes": 1}
    assert Web(ClusterAddress(ADDRESS.ip, "elsewhere.example"), trusting).cluster_metrics() == {}
    stranger = secured(SandboxHome(tmp_path / "other", tmp_path / "cache"), tmp_path / "b")
    assert Web(ADDRESS, stranger).cluster_metrics() == {}


def test_nobody_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("druid_reindex.sandbox.hadoop_web.NAME_NODE_HTTP_PORT", free_port())
    web = Web(ADDRESS, None)
    assert not web.has_data_node()
    with pytest.raises(SandboxStartError, match="/user"):
        web.webhdfs("hdfs", "/user", "MKDIRS")
