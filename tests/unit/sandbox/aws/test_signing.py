"""KMS's Sign of a digest is over that digest, not over its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.kms.responses import KmsResponse

from druid_reindex.clients.signing import KmsSigner
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.sandbox.aws import signing

MESSAGE = b"a message"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    monkeypatch.setattr(KmsResponse, "sign", signing.sign)
    with mock_aws():
        yield boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1")


def key(session: boto3.Session, **kind: Any) -> str:
    wanted = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"} | kind
    return str(session.client("kms").create_key(**wanted)["KeyMetadata"]["Arn"])


def asked(session: boto3.Session, arn: str, **request: Any) -> bytes:
    wanted = {"MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"} | request
    return bytes(session.client("kms").sign(KeyId=arn, **wanted)["Signature"])


def test_our_signer_takes_what_it_signs(session: boto3.Session) -> None:
    signer = KmsSigner(session, key(session))
    assert signer.public_key().has_signed(MESSAGE, signer.sign(MESSAGE))


def test_a_message_is_still_hashed(session: boto3.Session) -> None:
    arn = key(session)
    public = PublicKey.parse(session.client("kms").get_public_key(KeyId=arn)["PublicKey"])
    raw = asked(session, arn, Message=MESSAGE, MessageType="RAW")
    digest = asked(session, arn, Message=hashlib.sha256(MESSAGE).digest())
    assert public.has_signed(MESSAGE, raw)
    assert public.has_signed(MESSAGE, digest)


def test_what_is_no_sha256_is_refused(session: boto3.Session) -> None:
    with pytest.raises(ClientError, match="Digest is invalid length for algorithm ECDSA_SHA_256"):
        asked(session, key(session), Message=MESSAGE)


def test_a_key_for_something_else_is_refused_as_moto_does(session: boto3.Session) -> None:
    arn = key(session, KeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT")
    with pytest.raises(ClientError):
        asked(session, arn, Message=hashlib.sha256(MESSAGE).digest())


def test_it_is_put_in_the_place_of_motos_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KmsResponse, "sign", KmsResponse.sign)
    signing.install()
    assert KmsResponse.sign is signing.sign
