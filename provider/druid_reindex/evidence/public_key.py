"""The public half of a signing key, by which a pack is verified without the key's service.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/asymmetric-key-specs.html (ECDSA signatures are in DER)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from druid_reindex.errors import ProtocolError
from druid_reindex.model.identity import digest

ALGORITHM: Final = "ECDSA_SHA_256"
_FORM = serialization.PublicFormat.SubjectPublicKeyInfo


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key on the curve P-256; equal keys have equal bytes."""

    der: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """The key in ``body`` (PEM or DER). Raises ProtocolError for anything but a public key on P-256."""
        try:
            is_pem = b"-----BEGIN" in body
            key = serialization.load_pem_public_key(body) if is_pem else serialization.load_der_public_key(body)
        except (ValueError, UnsupportedAlgorithm) as unreadable:
            raise _unreadable("neither PEM nor DER of a public key") from unreadable
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise _unreadable(f"a {type(key).__name__} that is not on P-256")
        return cls(key.public_bytes(serialization.Encoding.DER, _FORM))

    @property
    def fingerprint(self) -> str:
        """``sha256:`` and the SHA-256 of the key's DER."""
        return f"sha256:{digest(self.der)}"

    @property
    def pem(self) -> bytes:
        """The key as PEM, as ``openssl`` reads it."""
        return self._key().public_bytes(serialization.Encoding.PEM, _FORM)

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (DER) is this key's over the SHA-256 of ``message``."""
        try:
            self._key().verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def _key(self) -> ec.EllipticCurvePublicKey:
        key = serialization.load_der_public_key(self.der)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key


def _unreadable(came_back: str) -> ProtocolError:
    return ProtocolError(
        "read a public key",
        resource="the key's file",
        came_back=came_back,
        remedy="take the .pem that lies beside the pack, or what `aws kms get-public-key` gives",
    )
