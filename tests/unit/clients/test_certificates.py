"""The zip that EMR's nodes get, and the authority behind it."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from druid_reindex.clients import certificates
from druid_reindex.clients.certificates import Certificates, make_authority
from druid_reindex.errors import ConfigurationError, IntegrityError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification
from druid_reindex.plan.certificates import GRACE, ROTATION, authority_secret, wanted
from twins import FakeSecrets, FakeStore

BOUNDARIES = load_boundaries(Path(__file__).parents[3] / "emr_configs")
NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "KEY_BITS", 2048)


@pytest.fixture
def made() -> Certificates:
    return Certificates(BOUNDARIES, Classification.PHI, FakeStore(), FakeSecrets())


def opened(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_zip_holds_at_its_root_what_emr_asks_for(made: Certificates) -> None:
    files = opened(made.store.get(made.zip_uri("small", NOW)))
    assert list(files) == ["privateKey.pem", "certificateChain.pem", "trustedCertificates.pem"]
    leaf, authority = x509.load_pem_x509_certificates(files["certificateChain.pem"])
    (trusted,) = x509.load_pem_x509_certificates(files["trustedCertificates.pem"])
    key = load_pem_private_key(files["privateKey.pem"], password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size >= 2048
    assert key.public_key() == leaf.public_key()
    assert authority == trusted
    assert leaf.subject.rfc4514_string() == "CN=*.ec2.internal"


def test_the_chain_verifies_for_the_vpcs_names_and_no_others(made: Certificates) -> None:
    files = opened(made.store.get(made.zip_uri("small", NOW)))
    leaf = x509.load_pem_x509_certificates(files["certificateChain.pem"])[0]
    builder = PolicyBuilder().store(Store(x509.load_pem_x509_certificates(files["trustedCertificates.pem"])))
    for name in ("ip-10-0-1-7.ec2.internal", "ip-10-0-1-7.example.org"):
        verifier = builder.time(NOW + GRACE).build_server_verifier(x509.DNSName(name))
        if name.endswith("ec2.internal"):
            assert verifier.verify(leaf, [])[0] == leaf
        else:
            with pytest.raises(x509.verification.VerificationError):
                verifier.verify(leaf, [])


def test_a_period_has_one_zip_and_the_next_another_of_the_same_authority(made: Certificates) -> None:
    start = wanted(BOUNDARIES, Classification.PHI, "small", NOW)
    first = made.zip_uri("small", NOW)
    assert made.zip_uri("small", NOW) == first == made.find(start)
    later = made.zip_uri("small", NOW + ROTATION)
    assert later != first
    trusted = {opened(made.store.get(uri))["trustedCertificates.pem"] for uri in (first, later)}
    assert len(trusted) == 1


def test_everything_is_kept_under_the_boundarys_key(made: Certificates) -> None:
    uri = made.zip_uri("small", NOW)
    assert made.store.kms_keys([uri])[uri] == BOUNDARIES.phi.kms_key_arn
    assert isinstance(made.secrets, FakeSecrets)
    ((name, (text, key)),) = made.secrets.held.items()
    assert (name, key) == (authority_secret(Classification.PHI), BOUNDARIES.phi.kms_key_arn)
    assert "PRIVATE KEY" in text
    assert "PRIVATE KEY" not in repr(made.authority(NOW))


def test_a_zip_that_is_not_the_one_it_was_is_not_used(made: Certificates) -> None:
    uri = made.zip_uri("small", NOW)
    made.store.put(uri, b"another zip", kms_key_arn=BOUNDARIES.phi.kms_key_arn)
    with pytest.raises(IntegrityError, match="not the one in its name"):
        made.zip_uri("small", NOW)


def test_an_authority_that_ends_too_early_issues_nothing(made: Certificates) -> None:
    old = make_authority("old", NOW - certificates.AUTHORITY_LIFE + timedelta(days=1))
    assert isinstance(made.secrets, FakeSecrets)
    made.secrets.held[authority_secret(Classification.PHI)] = (certificates._stored(old), "key")
    with pytest.raises(ConfigurationError, match="the authority ends at"):
        made.zip_uri("small", NOW)
    assert made.store.listing(wanted(BOUNDARIES, Classification.PHI, "small", NOW).folder) == []


@pytest.mark.parametrize("text", ["canary", '{"certificate": "canary", "key": "canary"}', "[]", '{"key": "canary"}'])
def test_a_secret_that_is_no_authority_is_told_and_not_quoted(made: Certificates, text: str) -> None:
    assert isinstance(made.secrets, FakeSecrets)
    made.secrets.held[authority_secret(Classification.PHI)] = (text, "key")
    with pytest.raises(ConfigurationError, match="no PEM certificate") as error:
        made.authority(NOW)
    assert "canary" not in str(error.value)


def test_what_has_expired_is_swept(made: Certificates) -> None:
    old, now = made.zip_uri("small", NOW - 3 * ROTATION), made.zip_uri("small", NOW)
    assert made.sweep("small", NOW) == [old]
    assert made.store.exists(now)
    assert made.sweep("small", NOW) == []
