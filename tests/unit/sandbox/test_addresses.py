"""Ports and cluster addresses."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from druid_reindex.sandbox import addresses
from druid_reindex.sandbox.home import SandboxHome


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


def names(home: SandboxHome) -> dict[str, str]:
    lines = home.hosts_file.read_text().splitlines()
    return {name: ip for ip, name in (line.split() for line in lines)}


def test_free_ports_differ_and_lie_below_the_range_of_clients() -> None:
    found = [addresses.free_port() for _ in range(50)]
    assert len(set(found)) == 50
    assert all(port in addresses.PORTS for port in found)


def test_a_port_in_use_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    port = addresses.free_port()
    with socket.create_server((addresses.LOOPBACK, port)):
        monkeypatch.setattr(addresses, "PORTS", range(port, port + 1))
        monkeypatch.setattr(addresses, "_handed_out", set())
        with pytest.raises(addresses.NoFreeAddressError, match=f"ports {port}-{port}"):
            addresses.free_port()


def test_a_cluster_gets_an_address_with_the_name_that_emr_would_give(home: SandboxHome) -> None:
    claimed = addresses.claim_cluster_address(home)
    assert claimed.ip.startswith("127.77.")
    assert claimed.dns == f"ip-{claimed.ip.replace('.', '-')}.ec2.internal"
    assert names(home)[claimed.dns] == claimed.ip


def test_two_clusters_never_share_an_address(home: SandboxHome) -> None:
    claimed = {addresses.claim_cluster_address(home).ip for _ in range(20)}
    assert len(claimed) == 20


def test_a_released_name_no_longer_resolves(home: SandboxHome) -> None:
    kept, released = addresses.claim_cluster_address(home), addresses.claim_cluster_address(home)
    addresses.release_cluster_address(home, released)
    addresses.release_cluster_address(home, released)
    assert kept.dns in names(home)
    assert released.dns not in names(home)


def test_jvms_find_localhost_and_this_machine(home: SandboxHome) -> None:
    addresses.write_hosts(home)
    found = names(home)
    assert found["localhost"] == found[socket.gethostname()] == addresses.LOOPBACK


def test_a_new_account_has_no_clusters(home: SandboxHome) -> None:
    claimed = addresses.claim_cluster_address(home)
    addresses.forget_cluster_addresses(home)
    assert claimed.dns not in names(home)
    assert "localhost" in names(home)


def test_a_machine_without_the_network_says_so(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "CLUSTER_NETWORK", "192.0.2")
    monkeypatch.setattr(addresses, "_address", lambda *_: addresses.ClusterAddress("192.0.2.1", "nowhere"))
    with pytest.raises(addresses.NoFreeAddressError, match=r"192\.0\.2"):
        addresses.claim_cluster_address(home)
