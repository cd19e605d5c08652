"""Digests as AWS documents them: their place, their chain, and a signature that OpenSSL accepts."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from druid_reindex.sandbox.aws.trail.digests import Chain, File, Signer, folder, name, signed_text

START, END = datetime(2026, 11, 22, 5, tzinfo=UTC), datetime(2026, 11, 22, 6, tzinfo=UTC)
FILE = File("trails", "a.json.gz", "00", "2026-11-22T05:01:00Z", "2026-11-22T05:09:00Z")
PREFIX = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/"


def trail(prefix: str | None = None) -> Any:
    return SimpleNamespace(bucket_name="trails", trail_name="night", region_name="us-east-1", s3_key_prefix=prefix)


def test_a_digest_lies_where_the_validation_looks() -> None:
    expected = f"{PREFIX}2026/11/22/111122223333_CloudTrail-Digest_eu-west-1_night_us-east-1_20261122T060000Z.json.gz"
    assert name(trail(), "eu-west-1", END) == expected
    assert folder(trail("kept"), "CloudTrail", "us-east-1") == "kept/AWSLogs/111122223333/CloudTrail/us-east-1/"


def test_the_first_digest_has_no_previous_one_and_the_next_has_it() -> None:
    signer = Signer()
    first = Chain(START, [FILE]).document(trail(), "us-east-1", END, "f")
    assert (first["previousDigestSignature"], first["previousDigestS3Object"]) == (None, None)
    assert (first["oldestEventTime"], first["newestEventTime"]) == (FILE.oldest, FILE.newest)
    assert first["logFiles"][0]["hashValue"] == "00"
    signed = signer.sign("us-east-1", first)
    second = Chain(END, [], signed).document(trail(), "us-east-1", datetime(2026, 11, 22, 7, tzinfo=UTC), "f")
    assert second["previousDigestS3Object"] == signed.key
    assert second["previousDigestHashValue"] == hashlib.sha256(signed.content).hexdigest()
    assert second["previousDigestSignature"] == signed.signature
    assert second["oldestEventTime"] is None


def test_openssl_accepts_the_signature_and_not_another_content(tmp_path: Path) -> None:
    signer = Signer()
    document = Chain(START).document(trail(), "us-east-1", END, "f")
    signed = signer.sign("us-east-1", document)
    public = signer.public_key("us-east-1")[0]
    pem = load_der_public_key(_spki(public)).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key, signature, text = tmp_path / "key", tmp_path / "signature", tmp_path / "text"
    key.write_bytes(pem)
    signature.write_bytes(bytes.fromhex(signed.signature))
    asked = ["openssl", "dgst", "-sha256", "-verify", str(key), "-signature", str(signature), str(text)]
    text.write_text(signed_text(document, signed.content))
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 0
    text.write_text(signed_text(document, signed.content + b" "))
    assert subprocess.run(asked, capture_output=True, check=False).returncode != 0
    assert json.loads(signed.content) == document


def test_each_region_has_a_key_of_its_own() -> None:
    signer = Signer()
    assert signer.fingerprint("us-east-1") != signer.fingerprint("eu-west-1")
    assert signer.fingerprint("us-east-1") == signer.fingerprint("us-east-1")
    assert len(signer.fingerprint("us-east-1")) == 32


def _spki(pkcs1: bytes) -> bytes:
    """PKCS#1 in the envelope that OpenSSL reads: an AlgorithmIdentifier of RSA, and the key as a BIT STRING."""
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    bits = b"\x03" + _length(len(pkcs1) + 1) + b"\x00" + pkcs1
    return b"\x30" + _length(len(algorithm) + len(bits)) + algorithm + bits


def _length(size: int) -> bytes:
    return b"\x82" + size.to_bytes(2, "big")
