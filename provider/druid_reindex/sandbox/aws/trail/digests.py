"""Digests: which log files were delivered in an hour, with their hashes, in a chain that a key of the Region signs.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html (what is signed),
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PublicKey.html (PKCS#1, DER)
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from druid_reindex.sandbox.aws.site import ACCOUNT

Json = dict[str, Any]

ALGORITHM = "SHA256withRSA"
HASH = "SHA-256"
KEY_BITS, EXPONENT = 2048, 65537
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class File:
    """A log file that was delivered: the hash of what it says, and its events' first and last second."""

    bucket: str
    key: str
    hash: str
    oldest: str
    newest: str

    def entry(self) -> Json:
        """The file as a digest lists it."""
        return {
            "s3Bucket": self.bucket,
            "s3Object": self.key,
            "hashValue": self.hash,
            "hashAlgorithm": HASH,
            "newestEventTime": self.newest,
            "oldestEventTime": self.oldest,
        }


@dataclass(frozen=True)
class Signed:
    """A digest, and its signature."""

    bucket: str
    key: str
    content: bytes
    signature: str

    def as_previous(self) -> Json:
        """What the next digest says of this one."""
        return {
            "previousDigestS3Bucket": self.bucket,
            "previousDigestS3Object": self.key,
            "previousDigestHashValue": hashlib.sha256(self.content).hexdigest(),
            "previousDigestHashAlgorithm": HASH,
            "previousDigestSignature": self.signature,
        }

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the digest's object."""
        return {"signature": self.signature, "signature-algorithm": ALGORITHM}


@dataclass
class Chain:
    """What one trail has delivered in one Region since its last digest; `last` is None at the chain's beginning."""

    start: datetime
    files: list[File] = field(default_factory=list)
    last: Signed | None = None

    def document(self, trail: Any, region: str, end: datetime, fingerprint: str) -> Json:
        """Return what the digest says that ends now."""
        previous = dict.fromkeys(Signed("", "", b"", "").as_previous())
        times = [each.oldest for each in self.files] + [each.newest for each in self.files]
        return {
            "awsAccountId": ACCOUNT,
            "digestStartTime": written(self.start),
            "digestEndTime": written(end),
            "digestS3Bucket": trail.bucket_name,
            "digestS3Object": name(trail, region, end),
            "digestPublicKeyFingerprint": fingerprint,
            "digestSignatureAlgorithm": ALGORITHM,
            "newestEventTime": max(times, default=None),
            "oldestEventTime": min(times, default=None),
            **(previous if self.last is None else self.last.as_previous()),
            "logFiles": [each.entry() for each in self.files],
        }


class Signer:
    """The Regions' key pairs, each made when it is first needed; they live as long as the account."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._lock = threading.Lock()
        self._since = datetime.now(UTC)

    def sign(self, region: str, document: Json) -> Signed:
        """Return the digest with its signature."""
        content = json.dumps(document, separators=(",", ":")).encode()
        text = signed_text(document, content).encode()
        signature = self._key(region).sign(text, padding.PKCS1v15(), hashes.SHA256())
        return Signed(document["digestS3Bucket"], document["digestS3Object"], content, signature.hex())

    def fingerprint(self, region: str) -> str:
        """Return the fingerprint of the Region's public key. How AWS makes it is not documented."""
        return hashlib.md5(self._public(region), usedforsecurity=False).hexdigest()

    def public_key(self, region: str) -> tuple[bytes, datetime, datetime]:
        """Return the Region's public key, PKCS#1 in DER, and from when to when it is valid."""
        return self._public(region), self._since - _DAY, self._since + 30 * _DAY

    def _public(self, region: str) -> bytes:
        return self._key(region).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)

    def _key(self, region: str) -> rsa.RSAPrivateKey:
        with self._lock:
            if region not in self._keys:
                self._keys[region] = rsa.generate_private_key(EXPONENT, KEY_BITS)
            return self._keys[region]


def signed_text(document: Json, content: bytes) -> str:
    """Return the text that is signed: end, place, hash, and the signature before."""
    place = f"{document['digestS3Bucket']}/{document['digestS3Object']}"
    previous = document["previousDigestSignature"] or "null"
    return f"{document['digestEndTime']}\n{place}\n{hashlib.sha256(content).hexdigest()}\n{previous}"


def folder(trail: Any, kind: str, region: str) -> str:
    """Return where the trail's files or digests of the Region lie, with the slash at the end."""
    prefix = f"{trail.s3_key_prefix}/" if trail.s3_key_prefix else ""
    return f"{prefix}AWSLogs/{ACCOUNT}/{kind}/{region}/"


def name(trail: Any, region: str, end: datetime) -> str:
    """Return the key of the digest that ends then."""
    day, moment = end.strftime("%Y/%m/%d"), end.strftime("%Y%m%dT%H%M%SZ")
    middle = f"{region}_{trail.trail_name}_{trail.region_name}"
    return f"{folder(trail, 'CloudTrail-Digest', region)}{day}/{ACCOUNT}_CloudTrail-Digest_{middle}_{moment}.json.gz"


def written(moment: datetime) -> str:
    """Return the moment as records and digests write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
