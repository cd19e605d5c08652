"""An asymmetric key of AWS KMS as ``ports.SigningPort``: only a digest is sent, and what comes back is verified here.

Sources: https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html (a message has at most 4096 bytes, a digest
stands for any; ECDSA signatures come in DER), https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.errors import ConfigurationError, IntegrityError
from druid_reindex.evidence.public_key import ALGORITHM, PublicKey


class KmsSigner:
    """One key of KMS, ECC_NIST_P256 for SIGN_VERIFY."""

    def __init__(self, session: boto3.Session, key_arn: str, *, attempts: int = ATTEMPTS) -> None:
        self._key_arn = key_arn
        with translated("make a KMS client", "KMS"):
            self._kms = session.client("kms", config=client_config(attempts=attempts))

    @property
    def key(self) -> str:
        """The key's ARN."""
        return self._key_arn

    def public_key(self) -> PublicKey:
        """Its public half. Raises ConfigurationError for a key that cannot make the signatures that packs have."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """Its signature, in DER, over the SHA-256 of ``message``. Raises IntegrityError for one that does not hold."""
        with translated("sign a digest", self._key_arn):
            signature = self._kms.sign(
                KeyId=self._key_arn,
                Message=hashlib.sha256(message).digest(),
                MessageType="DIGEST",
                SigningAlgorithm=ALGORITHM,
            )["Signature"]
        if not self._public_key.has_signed(message, signature):
            raise IntegrityError(
                "sign a digest",
                resource=self._key_arn,
                came_back=f"a signature that {self._public_key.fingerprint} does not verify",
                remedy="do not use it; find out what stands between here and KMS",
            )
        return signature

    @cached_property
    def _public_key(self) -> PublicKey:
        with translated("read a public key", self._key_arn):
            found = self._kms.get_public_key(KeyId=self._key_arn)
        if ALGORITHM not in found.get("SigningAlgorithms", []):
            raise ConfigurationError(
                "read a public key",
                resource=self._key_arn,
                came_back=f"{found.get('KeySpec')} for {found.get('KeyUsage')}",
                remedy=f"make an ECC_NIST_P256 key for SIGN_VERIFY, which can {ALGORITHM}",
            )
        return PublicKey.parse(found["PublicKey"])
