"""EMR's zip of PEM files."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from moto import mock_aws

from druid_reindex.clients.survey_pem import PemSurvey, described
from druid_reindex.errors import ProtocolError

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "*.ec2.internal")])
END = datetime(2030, 1, 1, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey = KEY) -> bytes:
    made = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(END - timedelta(days=900))
        .not_valid_after(END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.compute.internal")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def private(key: rsa.RSAPrivateKey = KEY) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name.replace('__', '/')}.pem", content)
    return made.getvalue()


def whole() -> bytes:
    return zipped(privateKey=private(), certificateChain=certificate(), trustedCertificates=certificate())


def test_a_sound_bundle() -> None:
    found = described("s3://b/0.zip", whole(), "aws:kms")
    assert found.files == ("certificateChain.pem", "privateKey.pem", "trustedCertificates.pem")
    assert (found.key_bits, found.key_matches, found.not_after) == (2048, True, END)
    assert found.names == ("*.ec2.internal", "*.compute.internal")
    assert "PRIVATE" not in repr(found)


def test_another_keys_certificate() -> None:
    other = rsa.generate_private_key(65537, 2048)
    assert not described(
        "s3://b/0.zip", zipped(privateKey=private(other), certificateChain=certificate()), ""
    ).key_matches


def test_files_in_folders_do_not_count() -> None:
    found = described("s3://b/0.zip", zipped(pem__privateKey=private(), certificateChain=certificate()), "")
    assert (found.files, found.key_bits, found.key_matches) == (("certificateChain.pem",), 0, False)


@pytest.mark.parametrize("body", [b"no zip", zipped(privateKey=b"no PEM"), zipped(certificateChain=b"no PEM")])
def test_what_is_no_bundle(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="no zip of readable PEM files"):
        described("s3://b/0.zip", body, "")


def test_a_bundle_in_s3() -> None:
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        s3 = session.client("s3")
        s3.create_bucket(Bucket="drx-artifacts")
        s3.put_object(Bucket="drx-artifacts", Key="0.zip", Body=whole(), ServerSideEncryption="aws:kms")
        found = PemSurvey(session).bundle("s3://drx-artifacts/0.zip")
        assert found is not None
        assert (found.object_encryption, found.key_matches) == ("aws:kms", True)
        assert PemSurvey(session).bundle("s3://drx-artifacts/1.zip") is None
