"""ZooKeeper's settings; it runs with them in the tests marked `sandbox`."""

from __future__ import annotations

import ssl
from pathlib import Path

from druid_reindex.sandbox import zookeeper
from druid_reindex.sandbox.home import SandboxHome


def test_there_is_no_port_without_tls(tmp_path: Path) -> None:
    found = zookeeper.properties(SandboxHome(tmp_path, tmp_path), 2281)
    assert (found["secureClientPort"], found["secureClientPortAddress"]) == (2281, "127.0.0.1")
    assert not [name for name in found if name.startswith("clientPort")]


def test_its_identity_is_private_and_complete(tmp_path: Path) -> None:
    found = zookeeper.properties(SandboxHome(tmp_path, tmp_path), 2281)
    identity = Path(str(found["ssl.keyStore.location"]))
    assert identity.stat().st_mode & 0o077 == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(identity)


def test_clients_trust_the_sandboxs_authority_alone(tmp_path: Path) -> None:
    home = SandboxHome(tmp_path, tmp_path)
    options = zookeeper.client_options(home)
    assert f"-Dzookeeper.ssl.trustStore.location={home.ca_file}" in options
    assert "-Dzookeeper.client.secure=true" in options
