"""The sandbox's certificates, as strict clients see them."""

from __future__ import annotations

import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from druid_reindex.sandbox import pki
from druid_reindex.sandbox.home import SandboxHome


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


def handshake(server: pki.ServerCertificate, ca: Path, name: str) -> None:
    """Do a TLS handshake in memory, with Python's strictest checks on the client's side."""
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listening.load_cert_chain(server.certificate, server.key)
    calling = ssl.create_default_context(cafile=str(ca))
    calling.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = calling.wrap_bio(to_client, to_server, server_hostname=name)
    other = listening.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_strict_client_accepts_the_certificate(home: SandboxHome, name: str) -> None:
    handshake(pki.server_certificate(home, "aws"), home.ca_file, name)


def test_another_name_is_refused(home: SandboxHome) -> None:
    certificate = pki.server_certificate(home, "aws")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"example\.com"):
        handshake(certificate, home.ca_file, "example.com")


def test_another_ca_is_refused(home: SandboxHome, tmp_path: Path) -> None:
    other = pki.ensure_ca(SandboxHome(tmp_path / "other", tmp_path))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(pki.server_certificate(home, "aws"), other, "localhost")


def test_the_ca_is_made_once(home: SandboxHome) -> None:
    first = pki.ensure_ca(home).read_bytes()
    pki.server_certificate(home, "aws")
    assert pki.ensure_ca(home).read_bytes() == first


def test_a_ca_that_expires_soon_is_made_anew(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pki, "LIFE", timedelta(days=3))
    first = pki.ensure_ca(home).read_bytes()
    monkeypatch.undo()
    assert pki.ensure_ca(home).read_bytes() != first
    made = x509.load_pem_x509_certificate(home.ca_file.read_bytes())
    assert made.not_valid_after_utc > datetime.now(UTC) + timedelta(days=80)


def test_keys_are_for_their_owner_alone(home: SandboxHome) -> None:
    certificate = pki.server_certificate(home, "aws")
    for file in (certificate.key, certificate.keystore, home.pki() / "ca.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_stores_open_with_their_passwords(home: SandboxHome) -> None:
    certificate = pki.server_certificate(home, "broker", dns=("broker",), ips=())
    password = home.secret(pki.KEYSTORE_SECRET).encode()
    key, leaf, chain = pkcs12.load_key_and_certificates(certificate.keystore.read_bytes(), password)
    assert key is not None
    assert leaf is not None
    assert [ca.subject for ca in chain] == [leaf.issuer]
    trusted = pkcs12.load_pkcs12(home.truststore.read_bytes(), pki.TRUSTSTORE_PASSWORD.encode())
    assert [entry.certificate for entry in trusted.additional_certs] == [
        x509.load_pem_x509_certificate(home.ca_file.read_bytes())
    ]


def test_processes_that_start_together_agree_on_one_ca(home: SandboxHome) -> None:
    threads = [threading.Thread(target=pki.ensure_ca, args=(home,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handshake(pki.server_certificate(home, "aws"), home.ca_file, "localhost")
