"""Reads EMR's zip of PEM files and keeps what can be told of it, never a key.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

import boto3
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import client_config
from druid_reindex.errors import NotFoundError, ProtocolError
from druid_reindex.model.account import PemBundle
from druid_reindex.model.uri import S3Uri

_ATTEMPTS = 2
_MOST_BYTES = 10_000_000
_KEY, _CHAIN = "privateKey.pem", "certificateChain.pem"


class PemSurvey:
    """Zips of PEM files in S3."""

    def __init__(self, session: boto3.Session) -> None:
        with translated("make an S3 client", "the AWS session"):
            self._s3 = session.client("s3", config=client_config(attempts=_ATTEMPTS))

    def bundle(self, uri: str) -> PemBundle | None:
        """What can be told of the zip; None when there is no such object. Raises ProtocolError when it is no zip."""
        place = S3Uri.parse(uri)
        try:
            with translated("read EMR's PEM files", uri):
                found = self._s3.get_object(Bucket=place.bucket, Key=place.key)
                body = found["Body"].read(_MOST_BYTES)
        except NotFoundError:
            return None
        return described(uri, body, found.get("ServerSideEncryption", ""))


def described(uri: str, body: bytes, encryption: str) -> PemBundle:
    """What can be told of the zip in ``body``. Raises ProtocolError for what is no zip of readable PEM files."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            files = {name: archive.read(name) for name in archive.namelist() if "/" not in name}
        leaf = x509.load_pem_x509_certificates(files[_CHAIN])[0] if _CHAIN in files else None
        key = load_pem_private_key(files[_KEY], password=None) if _KEY in files else None
    except (zipfile.BadZipFile, ValueError, TypeError, IndexError) as error:
        raise ProtocolError(
            "read EMR's PEM files",
            resource=uri,
            came_back=f"{type(error).__name__}: no zip of readable PEM files",
            remedy="make the zip anew, with unencrypted PEM files at its root",
        ) from error
    return PemBundle(
        uri=uri,
        files=tuple(sorted(files)),
        object_encryption=encryption,
        key_bits=int(getattr(key, "key_size", 0)),
        key_matches=leaf is not None and key is not None and _spki(leaf.public_key()) == _spki(key.public_key()),
        names=_names(leaf) if leaf is not None else (),
        not_after=_end(leaf),
    )


def _spki(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    common = [str(each.value) for each in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return tuple(common)
    return tuple(dict.fromkeys([*common, *alternative.get_values_for_type(x509.DNSName)]))


def _end(leaf: x509.Certificate | None) -> datetime | None:
    return leaf.not_valid_after_utc if leaf is not None else None
