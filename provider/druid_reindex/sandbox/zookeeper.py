"""ZooKeeper under TLS alone: it has no other port, and Druid's processes check its certificate and name.

The server's certificate and key stand in one private file without a password, so that none is needed.
Source: https://zookeeper.apache.org/doc/r3.5.9/zookeeperAdmin.html (Encryption, Authentication, Authorization Options)
"""

from __future__ import annotations

from pathlib import Path

from druid_reindex.sandbox.addresses import LOOPBACK
from druid_reindex.sandbox.home import SandboxHome, replace
from druid_reindex.sandbox.pki import server_certificate

NAME = "zookeeper"
_CLIENT = {
    "zookeeper.client.secure": "true",
    "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
    "zookeeper.ssl.trustStore.type": "PEM",
}


def properties(home: SandboxHome, port: int) -> dict[str, object]:
    """Return the server's settings; its certificate is made anew."""
    return {
        "dataDir": home.data(NAME),
        "secureClientPort": port,
        "secureClientPortAddress": LOOPBACK,
        "serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
        "ssl.keyStore.location": _identity(home),
        "ssl.keyStore.type": "PEM",
        "ssl.clientAuth": "none",
        "admin.enableServer": "false",
        "tickTime": 2000,
        "maxClientCnxns": 0,
    }


def client_options(home: SandboxHome) -> tuple[str, ...]:
    """Return the options of every JVM that talks to it."""
    options = _CLIENT | {"zookeeper.ssl.trustStore.location": str(home.ca_file)}
    return tuple(f"-D{name}={value}" for name, value in options.items())


def _identity(home: SandboxHome) -> Path:
    made, both = server_certificate(home, NAME), home.pki() / f"{NAME}-identity.pem"
    replace(both, made.key.read_text(encoding="utf-8") + made.certificate.read_text(encoding="utf-8"))
    return both
