"""A digest, and CloudTrail's signature on it."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from druid_reindex.evidence.trail_digest import DigestError, read_digest
from druid_reindex.model.trail import StoredDigest
from druid_reindex.model.uri import S3Uri
from trail_account import HOUR, NIGHT, a_night, fingerprint

FILES, DIGESTS, LOGS = a_night(hours=2)
KEYS = FILES.public_keys()
FIRST, SECOND = DIGESTS


def test_a_signed_digest_tells_its_hour_its_logs_and_its_predecessor() -> None:
    digest = read_digest(FILES.objects[SECOND], SECOND, KEYS)
    assert (digest.digest_start_time, digest.ends_at) == (NIGHT + HOUR, NIGHT + 2 * HOUR)
    assert digest.previous == FIRST
    assert [each.uri for each in digest.log_files] == LOGS[3:]
    assert digest.previous_digest_signature == FILES.objects[FIRST].metadata["signature"]


def test_the_first_digest_is_signed_over_the_word_null() -> None:
    digest = read_digest(FILES.objects[FIRST], FIRST, KEYS)
    assert digest.previous is None
    assert digest.previous_digest_signature is None


def changed(**fields: Any) -> StoredDigest:
    stored = FILES.objects[SECOND]
    content = json.loads(gzip.decompress(stored.body)) | fields
    return replace(stored, body=gzip.compress(json.dumps(content).encode()))


@pytest.mark.parametrize(
    "field",
    ["digestStartTime", "digestEndTime", "previousDigestSignature", "previousDigestS3Object", "awsAccountId"],
)
def test_no_field_can_be_changed(field: str) -> None:
    stored = changed(**{field: f"{NIGHT:%Y-%m-%dT%H:%M:%SZ}"})
    with pytest.raises(DigestError, match="signature verification failed"):
        read_digest(stored, SECOND, KEYS)


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (changed(digestStartTime="yesterday"), "invalid format"),
        (changed(digestEndTime="2026-11-21T02:00:00"), "invalid format"),
        (changed(logFiles=[{"s3Bucket": "b"}]), "invalid format"),
        (changed(digestPublicKeyFingerprint="beef"), "no public key of fingerprint beef"),
        (changed(digestS3Object="elsewhere"), "moved"),
        (replace(FILES.objects[SECOND], body=b"x" * 40), "invalid format"),
        (replace(FILES.objects[SECOND], metadata={}), "no signature"),
        (
            replace(FILES.objects[SECOND], metadata={"signature": "zz", "signature-algorithm": "SHA256withRSA"}),
            "no sig",
        ),
        (replace(FILES.objects[SECOND], metadata=FILES.objects[FIRST].metadata), "signature verification failed"),
    ],
    ids=range(9),
)
def test_what_proves_nothing_says_why(stored: StoredDigest, told: str) -> None:
    with pytest.raises(DigestError, match=told):
        read_digest(stored, SECOND, KEYS)


def test_a_digest_at_another_place_proves_nothing() -> None:
    with pytest.raises(DigestError, match="moved"):
        read_digest(FILES.objects[SECOND], S3Uri(SECOND.bucket, FIRST.key), KEYS)


@pytest.mark.parametrize("kind", ["nonsense", "elliptic", "another"])
def test_a_key_that_did_not_sign_proves_nothing(kind: str) -> None:
    key = KEYS[fingerprint(0)]
    curve = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    der = {"nonsense": b"nonsense", "elliptic": curve, "another": KEYS[fingerprint(1)].der}[kind]
    with pytest.raises(DigestError, match=r"is not|signature verification failed"):
        read_digest(FILES.objects[SECOND], SECOND, {key.fingerprint: replace(key, der=der)})
