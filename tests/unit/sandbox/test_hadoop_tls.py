"""Java's stores of a cluster's certificate."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox import hadoop_tls, pki
from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.home import SandboxHome

ADDRESS = ClusterAddress("127.77.1.2", "ip-127-77-1-2.ec2.internal")


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


def packed(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_the_zip_of_a_security_configuration_becomes_stores(home: SandboxHome, tmp_path: Path) -> None:
    made = pki.server_certificate(home, "clusters", dns=("*.ec2.internal",), ips=())
    content = packed(
        {
            "privateKey.pem": made.key.read_bytes(),
            "certificateChain.pem": made.certificate.read_bytes(),
            "trustedCertificates.pem": home.ca_file.read_bytes(),
        }
    )
    stores = hadoop_tls.from_zip(content, tmp_path / "etc")
    key, certificate, _ = pkcs12.load_key_and_certificates(stores.keystore.read_bytes(), stores.password.encode())
    assert key is not None
    assert certificate is not None
    assert stores.trusted_pem.read_bytes() == home.ca_file.read_bytes()
    for path in (stores.keystore, stores.truststore, stores.trusted_pem):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no zip", packed({"privateKey.pem": b""}), packed({
    "privateKey.pem": b"no key", "certificateChain.pem": b"no chain"})])  # fmt: skip
def test_what_is_no_zip_of_certificates_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"privateKey\.pem"):
        hadoop_tls.from_zip(content, tmp_path)


def test_without_a_zip_the_sandbox_signs_and_keeps_no_copy(home: SandboxHome, tmp_path: Path) -> None:
    stores = hadoop_tls.from_sandbox_ca(home, ADDRESS, tmp_path / "etc")
    assert stores.truststore.is_file()
    assert sorted(path.name for path in home.pki().glob("ip-*")) == []
