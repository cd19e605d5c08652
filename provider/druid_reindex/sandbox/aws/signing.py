"""KMS's Sign of a digest, which moto takes for a message and hashes again.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html (`MessageType`: with DIGEST KMS skips hashing;
the digest must have the length that the algorithm makes)
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.kms.exceptions import ValidationException
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey

ALGORITHM = "ECDSA_SHA_256"
_DIGEST_BYTES = 32
_of_message = KmsResponse.sign


def install() -> None:
    """Sign digests; to be called before the account serves its first request."""
    setattr(KmsResponse, "sign", sign)  # noqa: B010 - in the place of moto's own


def sign(response: Any) -> str:
    """Sign, of a digest with P-256; anything else is moto's. Raises ValidationException for what is no SHA-256."""
    asked = {name: response._get_param(name) for name in ("KeyId", "Message", "MessageType", "SigningAlgorithm")}
    key = response.kms_backend.describe_key(asked["KeyId"])
    private = getattr(key, "private_key", None)
    is_digest = asked["MessageType"] == "DIGEST" and asked["SigningAlgorithm"] == ALGORITHM
    if not is_digest or not isinstance(private, ECDSAPrivateKey) or ALGORITHM not in key.signing_algorithms:
        return str(_of_message(response))
    digest = asked["Message"]
    if not isinstance(digest, bytes) or len(digest) != _DIGEST_BYTES:
        raise ValidationException(f"Digest is invalid length for algorithm {ALGORITHM}.")
    signature = private.private_key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    told = {"KeyId": key.arn, "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": ALGORITHM}
    return json.dumps(told)
