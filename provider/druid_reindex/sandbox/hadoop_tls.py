"""The certificate of one cluster as Hadoop's daemons take it: from the zip that a security configuration names.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html#emr-encryption-certificates
"""

from __future__ import annotations

import io
import os
import secrets
import zipfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.hadoop_security import TlsStores
from druid_reindex.sandbox.home import SandboxHome

KEY, CHAIN, TRUSTED = "privateKey.pem", "certificateChain.pem", "trustedCertificates.pem"
ALIAS = b"emr"


def from_zip(content: bytes, folder: Path) -> TlsStores:
    """Return the stores made of EMR's zip of PEM files. Raises ConfigurationError when it is not such a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            key, chain = archive.read(KEY), archive.read(CHAIN)
            trusted = archive.read(TRUSTED) if TRUSTED in archive.namelist() else chain
        return _write(folder, key, chain, trusted)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ConfigurationError(
            "Reading the cluster's certificates",
            resource="the PEM zip of the security configuration",
            came_back=str(error),
            remedy=f"give a zip with {KEY}, {CHAIN} and {TRUSTED} at its top",
        ) from error


def from_sandbox_ca(home: SandboxHome, address: ClusterAddress, folder: Path) -> TlsStores:
    """Return stores for a cluster whose security configuration brings no certificate: the sandbox's CA signs one."""
    made = pki.server_certificate(home, address.dns, dns=(address.dns,), ips=(address.ip,))
    try:
        return _write(folder, made.key.read_bytes(), made.certificate.read_bytes(), home.ca_file.read_bytes())
    finally:
        for file in (made.key, made.certificate, made.keystore):
            file.unlink()


def _write(folder: Path, key_pem: bytes, chain_pem: bytes, trusted_pem: bytes) -> TlsStores:
    key = load_pem_private_key(key_pem, password=None)
    chain = x509.load_pem_x509_certificates(chain_pem)
    trusted = x509.load_pem_x509_certificates(trusted_pem)
    password = secrets.token_urlsafe(24)
    encryption = BestAvailableEncryption(password.encode())
    stores = TlsStores(folder / "keystore.p12", folder / "truststore.p12", folder / "trusted.pem", password)
    held = pkcs12.serialize_key_and_certificates(ALIAS, key, chain[0], chain[1:], encryption)  # type: ignore[arg-type]
    marked = [pkcs12.PKCS12Certificate(c, f"trusted{n}".encode()) for n, c in enumerate(trusted)]
    _secret(stores.keystore, held)
    _secret(stores.truststore, pkcs12.serialize_java_truststore(marked, encryption))
    _secret(stores.trusted_pem, trusted_pem)
    return stores


def _secret(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
