"""Ports and loopback addresses: free ports for services, an address and an EMR-like name for each emulated cluster."""

from __future__ import annotations

import json
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from druid_reindex.errors import Transient
from druid_reindex.sandbox.home import SandboxHome, locked, replace

LOOPBACK = "127.0.0.1"
CLUSTER_NETWORK = "127.77"
CLUSTER_DOMAIN = "ec2.internal"
NAME_NODE_PORT = 8020
# Below Linux's range for outgoing connections (32768 up), so that no client takes the port before its service does.
PORTS = range(20000, 32000)
ATTEMPTS = 200

_handed_out: set[tuple[str, int]] = set()
_random = random.SystemRandom()


class NoFreeAddressError(Transient):
    """No port or loopback address could be bound."""


@dataclass(frozen=True)
class ClusterAddress:
    """The loopback address of one emulated cluster, and the private DNS name that EMR would give its primary node."""

    ip: str
    dns: str


def free_port(host: str = LOOPBACK) -> int:
    """Return a TCP port that nothing on `host` listens on and that this process has not been given before.

    Raises NoFreeAddressError when none is found.
    """
    for _ in range(ATTEMPTS):
        port = _random.choice(PORTS)
        if (host, port) not in _handed_out and _can_bind(host, port):
            _handed_out.add((host, port))
            return port
    raise NoFreeAddressError(
        "Looking for a free TCP port",
        resource=f"{host}, ports {PORTS.start}-{PORTS.stop - 1}",
        came_back=f"none of {ATTEMPTS} tried could be bound",
        remedy="stop what holds the ports (`ss -ltnp` lists it) and start again",
    )


def claim_cluster_address(home: SandboxHome) -> ClusterAddress:
    """Return a loopback address that no other cluster of this home holds, already in the JVMs' hosts file.

    Raises NoFreeAddressError where the machine binds no address of 127.77.0.0/16.
    """
    with locked(home.addresses_file):
        held = _held(home)
        for _ in range(ATTEMPTS):
            address = _address(_random.randint(1, 254), _random.randint(1, 254))
            if address.ip not in held and _can_bind(address.ip, NAME_NODE_PORT):
                _keep(home, held | {address.ip: address.dns})
                return address
    raise NoFreeAddressError(
        "Claiming a loopback address for a cluster",
        resource=f"{CLUSTER_NETWORK}.0.0/16",
        came_back=f"none of {ATTEMPTS} tried could be bound on port {NAME_NODE_PORT}",
        remedy="use a machine whose loopback network is the whole of 127.0.0.0/8 (Linux's default)",
    )


def release_cluster_address(home: SandboxHome, address: ClusterAddress) -> None:
    """Give the address back; its name stops to resolve."""
    with locked(home.addresses_file):
        held = _held(home)
        held.pop(address.ip, None)
        _keep(home, held)


def write_hosts(home: SandboxHome) -> Path:
    """Write the JVMs' hosts file: localhost, this machine's names, and every cluster that holds an address.

    A JVM that is given the file resolves nothing else, and reads it again at each look-up.
    Source: https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/net/doc-files/net-properties.html
    """
    with locked(home.addresses_file):
        _keep(home, _held(home))
    return home.hosts_file


def forget_cluster_addresses(home: SandboxHome) -> None:
    """Drop every claim; for a start after which no cluster of an earlier account can be alive."""
    with locked(home.addresses_file):
        _keep(home, {})


def _keep(home: SandboxHome, held: dict[str, str]) -> None:
    replace(home.addresses_file, json.dumps(held, indent=1))
    names = dict.fromkeys(("localhost", socket.gethostname(), socket.getfqdn()))
    lines = [f"{LOOPBACK} {name}" for name in names] + [f"{ip} {dns}" for ip, dns in held.items()]
    replace(home.hosts_file, "\n".join(lines) + "\n")


def _held(home: SandboxHome) -> dict[str, str]:
    try:
        return dict(json.loads(home.addresses_file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def _address(third: int, fourth: int) -> ClusterAddress:
    ip = f"{CLUSTER_NETWORK}.{third}.{fourth}"
    return ClusterAddress(ip=ip, dns=f"ip-{ip.replace('.', '-')}.{CLUSTER_DOMAIN}")


def _can_bind(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
