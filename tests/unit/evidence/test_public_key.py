"""A public key by its bytes: one fingerprint, whatever form it comes in, and only the curve that packs use."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.public_key import PublicKey
from twins import FakeSigner

SIGNER = FakeSigner()
KEY = SIGNER.public_key()
FORM = serialization.PublicFormat.SubjectPublicKeyInfo


def test_pem_and_der_are_one_key_with_one_fingerprint() -> None:
    assert PublicKey.parse(KEY.pem) == PublicKey.parse(KEY.der) == KEY
    assert KEY.fingerprint == f"sha256:{hashlib.sha256(KEY.der).hexdigest()}"
    assert FakeSigner(2).public_key().fingerprint != KEY.fingerprint


def test_openssl_gives_the_same_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(KEY.pem)
    script = "openssl pkey -pubin -in key.pem -outform DER | sha256sum"
    said = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"sha256:{said.stdout.split()[0]}" == KEY.fingerprint


def test_a_signature_is_this_keys_over_this_message_or_none() -> None:
    signature = SIGNER.sign(b"message")
    assert KEY.has_signed(b"message", signature)
    assert not KEY.has_signed(b"messagf", signature)
    assert not KEY.has_signed(b"message", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not KEY.has_signed(b"message", b"")
    assert not FakeSigner(2).public_key().has_signed(b"message", signature)


@pytest.mark.parametrize("other", [
    ec.derive_private_key(1, ec.SECP384R1()).public_key(),
    rsa.generate_private_key(65537, 2048).public_key(),
])  # fmt: skip
def test_another_kind_of_key_is_refused(other: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> None:
    with pytest.raises(ProtocolError, match="not on P-256"):
        PublicKey.parse(other.public_bytes(serialization.Encoding.PEM, FORM))


@pytest.mark.parametrize("body", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="neither PEM nor DER"):
        PublicKey.parse(body)
