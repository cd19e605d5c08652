"""The sandbox's certificate authority: server certificates for Python (PEM) and for JVMs (PKCS12)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from druid_reindex.sandbox.home import SandboxHome, locked, replace

LIFE = timedelta(days=90)
RENEW_BEFORE = timedelta(days=14)
CLOCK_SKEW = timedelta(hours=1)
# A trust store holds public certificates only; PKCS12 wants a password none the less, and JVMs default to this one.
TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105
KEYSTORE_SECRET = "keystore_password"  # noqa: S105


@dataclass(frozen=True)
class ServerCertificate:
    """Files of one server's certificate: PEM chain, PEM key, PKCS12 key store (its password is `KEYSTORE_SECRET`)."""

    certificate: Path
    key: Path
    keystore: Path


def ensure_ca(home: SandboxHome) -> Path:
    """Return the CA's PEM file; the CA and the Java trust store are made when absent or about to expire."""
    with locked(home.ca_file):
        if not _is_fresh(home.ca_file):
            _make_ca(home)
    return home.ca_file


def server_certificate(
    home: SandboxHome, name: str, dns: Sequence[str] = ("localhost",), ips: Sequence[str] = ("127.0.0.1",)
) -> ServerCertificate:
    """Return a new certificate for these names and addresses, issued by the sandbox's CA; files carry `name`."""
    ensure_ca(home)
    key = ec.generate_private_key(ec.SECP256R1())
    authority, authority_key = _load_ca(home)
    alternatives = [*map(x509.DNSName, dns), *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ips)]
    certificate = (
        _builder(name, authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_PURPOSES), critical=False)
        .add_extension(_issuer_id(authority), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _write_server(home, name, certificate, key)


_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def _write_server(
    home: SandboxHome, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> ServerCertificate:
    authority, _ = _load_ca(home)
    files = ServerCertificate(*(home.pki() / f"{name}.{kind}" for kind in ("pem", "key", "p12")))
    replace(files.certificate, _pem(certificate) + _pem(authority))
    replace(files.key, _key_pem(key))
    encryption = BestAvailableEncryption(home.secret(KEYSTORE_SECRET).encode())
    stored = pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, [authority], encryption)
    files.keystore.touch(mode=0o600)
    files.keystore.write_bytes(stored)
    return files


def _make_ca(home: SandboxHome) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("Druid reindex sandbox CA")
    certificate = (
        _builder("Druid reindex sandbox CA", subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted = pkcs12.PKCS12Certificate(certificate, b"druid-reindex-sandbox")
    encryption = BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode())
    home.truststore.write_bytes(pkcs12.serialize_java_truststore([trusted], encryption))
    replace(_ca_key(home), _key_pem(key))
    replace(home.ca_file, _pem(certificate))


def _builder(common_name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _issuer_id(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    subject_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_id)


def _load_ca(home: SandboxHome) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = load_pem_private_key(_ca_key(home).read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = f"{_ca_key(home)} holds a key of another kind"
        raise TypeError(message)
    return x509.load_pem_x509_certificate(home.ca_file.read_bytes()), key


def _is_fresh(certificate: Path) -> bool:
    if not certificate.exists():
        return False
    expires = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return expires - datetime.now(UTC) > RENEW_BEFORE


def _ca_key(home: SandboxHome) -> Path:
    return home.pki() / "ca.key"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
