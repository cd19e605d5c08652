"""One digest of a trail: what it says, and whether CloudTrail itself has signed it.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from druid_reindex.evidence.inflated import NotGzipError, inflate
from druid_reindex.model.trail import StoredDigest, TrailKey
from druid_reindex.model.uri import S3Uri

ALGORITHM = "SHA256withRSA"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


class DigestError(Exception):
    """Why a digest proves nothing, in a few words."""


class LogEntry(msgspec.Struct, frozen=True, rename="camel"):
    """A log file as a digest names it; ``hash_value`` is the SHA-256 of its decompressed bytes, in hex."""

    s3_bucket: str
    s3_object: str
    hash_value: str
    hash_algorithm: str = "SHA-256"
    oldest_event_time: Instant | None = None
    newest_event_time: Instant | None = None

    @property
    def uri(self) -> S3Uri:
        """Where the log file lies."""
        return S3Uri(self.s3_bucket, self.s3_object)


class Digest(msgspec.Struct, frozen=True, rename="camel"):
    """What a digest says of its hour; the first one of a chain names no previous one."""

    digest_public_key_fingerprint: str
    digest_s3_bucket: str
    digest_s3_object: str
    digest_start_time: Instant
    digest_end_time: str
    previous_digest_signature: str | None
    previous_digest_s3_bucket: str | None = None
    previous_digest_s3_object: str | None = None
    log_files: list[LogEntry] = []

    @property
    def ends_at(self) -> datetime:
        """The end of the time it is about."""
        return msgspec.convert(self.digest_end_time, Instant)

    @property
    def previous(self) -> S3Uri | None:
        """Where the digest before it lies; None for the first one of a chain."""
        if self.previous_digest_s3_bucket is None or self.previous_digest_s3_object is None:
            return None
        return S3Uri(self.previous_digest_s3_bucket, self.previous_digest_s3_object)


_DECODER = msgspec.json.Decoder(Digest)


def read_digest(stored: StoredDigest, uri: S3Uri, keys: Mapping[str, TrailKey]) -> Digest:
    """What the digest at ``uri`` says, once its signature holds. Raises DigestError when it proves nothing."""
    try:
        text = inflate(stored.body)
        digest = _DECODER.decode(text)
        _ = digest.ends_at
    except (NotGzipError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DigestError("invalid format") from error
    if (digest.digest_s3_bucket, digest.digest_s3_object) != (uri.bucket, uri.key):
        raise DigestError("moved from its original location")
    key = keys.get(digest.digest_public_key_fingerprint)
    if key is None:
        raise DigestError(f"no public key of fingerprint {digest.digest_public_key_fingerprint}")
    verify_signature(stored, signed_text(digest, text), key)
    return digest


def signed_text(digest: Digest, text: bytes | bytearray) -> bytes:
    """What CloudTrail has signed; the first digest of a chain has the word null for the signature before it."""
    before = "null" if digest.previous_digest_signature is None else digest.previous_digest_signature
    place = f"{digest.digest_s3_bucket}/{digest.digest_s3_object}"
    return "\n".join((digest.digest_end_time, place, hashlib.sha256(text).hexdigest(), before)).encode()


def verify_signature(stored: StoredDigest, signed: bytes, key: TrailKey) -> None:
    """Return when the signature in the metadata is the key's own for ``signed``. Raises DigestError."""
    signature, algorithm = stored.metadata.get("signature", ""), stored.metadata.get("signature-algorithm", "")
    if not _HEX.fullmatch(signature) or algorithm != ALGORITHM:
        raise DigestError("signature verification failed: no signature, or not of SHA256withRSA")
    try:
        public = load_der_public_key(key.der)
    except ValueError as error:
        raise DigestError(f"the public key of fingerprint {key.fingerprint} is not one") from error
    if not isinstance(public, RSAPublicKey):
        raise DigestError(f"the public key of fingerprint {key.fingerprint} is not RSA")
    try:
        public.verify(bytes.fromhex(signature), signed, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise DigestError("signature verification failed") from error
