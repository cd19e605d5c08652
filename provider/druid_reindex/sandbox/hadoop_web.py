"""Asking a cluster's daemons over HTTP, or over TLS where the cluster speaks nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

from druid_reindex.sandbox import hadoop_security as security
from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.hadoop_security import HadoopSecurity
from druid_reindex.sandbox.processes import SandboxStartError

NAME_NODE_HTTP_PORT = 9870
RESOURCE_MANAGER_HTTP_PORT = 8088
JOB_HISTORY_HTTP_PORT = 19888
PROBE_SECONDS = 5.0
# The NameNode's first answer that changes something loads much code: seconds, on a machine that has more to do.
CHANGE_SECONDS = 60.0


@dataclass(frozen=True)
class Web:
    """The web interfaces of one cluster; `trusted` signs their certificates where they are under TLS."""

    address: ClusterAddress
    security: HadoopSecurity | None

    def has_data_node(self) -> bool:
        """Return whether the NameNode has left its safe mode and knows a DataNode."""
        path = "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
        states = self._get(NAME_NODE_HTTP_PORT, security.NAME_NODE_HTTPS_PORT, path).get("beans", [])
        return any(bean.get("NumLiveDataNodes", 0) > 0 and bean.get("FSState") == "Operational" for bean in states)

    def cluster_metrics(self) -> dict[str, Any]:
        """Return what the ResourceManager counts; empty while it cannot be asked."""
        path = "/ws/v1/cluster/metrics"
        found = self._get(RESOURCE_MANAGER_HTTP_PORT, security.RESOURCE_MANAGER_HTTPS_PORT, path)
        return dict(found.get("clusterMetrics", {}))

    def has_history(self) -> bool:
        """Return whether the JobHistoryServer answers."""
        path = "/ws/v1/history/info"
        return "historyInfo" in self._get(JOB_HISTORY_HTTP_PORT, security.JOB_HISTORY_HTTPS_PORT, path)

    def webhdfs(self, user: str, path: str, operation: str) -> None:
        """Change something on an HDFS without Kerberos. Raises SandboxStartError."""
        connection = HTTPConnection(self.address.ip, NAME_NODE_HTTP_PORT, timeout=CHANGE_SECONDS)
        came_back: object
        try:
            connection.request("PUT", f"/webhdfs/v1{path}?user.name={user}&op={operation}")
            came_back = connection.getresponse().status
        except (OSError, HTTPException) as error:
            came_back = error
        finally:
            connection.close()
        if came_back != 200:
            raise SandboxStartError(
                f"Creating {path} on the cluster's HDFS",
                resource=f"{self.address.ip}:{NAME_NODE_HTTP_PORT}",
                came_back=str(came_back),
                remedy="read the NameNode's log",
            )

    def _get(self, port: int, tls_port: int, path: str) -> dict[str, Any]:
        """Return the JSON object at `path`; empty while nothing answers."""
        connection = HTTPConnection(self.address.ip, tls_port if self.security else port, timeout=PROBE_SECONDS)
        with contextlib.suppress(OSError, HTTPException, ValueError), contextlib.closing(connection):
            if self.security is not None:
                connection.sock = _trusted(self.security, self.address, tls_port)
            connection.request("GET", path, headers={"Accept": "application/json"})
            return dict(json.load(connection.getresponse()))
        return {}


def _trusted(secured: HadoopSecurity, address: ClusterAddress, port: int) -> ssl.SSLSocket:
    """Return a connection to the cluster's address whose certificate is trusted and carries the cluster's name."""
    context = ssl.create_default_context(cafile=secured.tls.trusted_pem)
    plain = socket.create_connection((address.ip, port), PROBE_SECONDS)
    return context.wrap_socket(plain, server_hostname=address.dns)
