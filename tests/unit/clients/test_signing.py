"""KMS's asymmetric key, on stubbed answers: a digest is sent, and what comes back is verified."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from druid_reindex.clients.signing import KmsSigner
from druid_reindex.errors import ConfigurationError, IntegrityError, NotAuthorizedError, NotProtectedError
from druid_reindex.ports import SigningPort
from twins import FakeSigner

HELD = FakeSigner()
MESSAGE = b"a message of more than 4096 bytes " * 200


@pytest.fixture
def kms() -> KmsSigner:
    return KmsSigner(boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1"), HELD.key)


@pytest.fixture
def stub(kms: KmsSigner) -> Iterator[Stubber]:
    with Stubber(kms._kms) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def public_key(**changes: Any) -> dict[str, Any]:
    return {
        "PublicKey": HELD.public_key().der, "SigningAlgorithms": ["ECDSA_SHA_256"], "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY", **changes,
    }  # fmt: skip


def signing(stub: Stubber, signature: bytes) -> None:
    asked = {
        "KeyId": HELD.key, "Message": hashlib.sha256(MESSAGE).digest(), "MessageType": "DIGEST",
        "SigningAlgorithm": "ECDSA_SHA_256",
    }  # fmt: skip
    stub.add_response("sign", {"Signature": signature}, asked)


def test_only_the_digest_is_sent_and_the_signature_verifies(kms: KmsSigner, stub: Stubber) -> None:
    signing(stub, HELD.sign(MESSAGE))
    stub.add_response("get_public_key", public_key(), {"KeyId": HELD.key})
    signature = kms.sign(MESSAGE)
    assert kms.public_key() == HELD.public_key()  # asked for once
    assert kms.public_key().has_signed(MESSAGE, signature)


@pytest.mark.parametrize(
    "signature",
    [FakeSigner(2).sign(MESSAGE), HELD.sign(MESSAGE + b"."), b"\x30"],
    ids=["another key's", "of another message", "no DER"],
)
def test_a_signature_that_does_not_hold_is_not_used(kms: KmsSigner, stub: Stubber, signature: bytes) -> None:
    signing(stub, signature)
    stub.add_response("get_public_key", public_key())
    with pytest.raises(IntegrityError, match="does not verify"):
        kms.sign(MESSAGE)


def test_a_key_for_something_else_is_refused(kms: KmsSigner, stub: Stubber) -> None:
    changes = {"SigningAlgorithms": [], "KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}
    stub.add_response("get_public_key", public_key(**changes))
    with pytest.raises(ConfigurationError, match="RSA_2048 for ENCRYPT_DECRYPT"):
        kms.public_key()


@pytest.mark.parametrize(("code", "kind"), [
    ("AccessDeniedException", NotAuthorizedError), ("DisabledException", NotProtectedError),
    ("KMSInvalidStateException", NotProtectedError),
])  # fmt: skip
def test_a_refusal_is_an_error_of_the_tree(kms: KmsSigner, stub: Stubber, code: str, kind: type[Exception]) -> None:
    stub.add_client_error("sign", code, "no", 400)
    with pytest.raises(kind, match=r"sign a digest on arn:aws:kms"):
        kms.sign(MESSAGE)


def test_the_twin_is_such_a_key() -> None:
    twin: SigningPort = FakeSigner()
    assert twin.public_key().has_signed(MESSAGE, twin.sign(MESSAGE))
    assert twin.key.startswith("arn:")
