"""Makes the certificates for EMR's in-transit encryption, and keeps them: a private CA in Secrets Manager, zips in S3.

Keys and certificates are written under the boundary's KMS key. The CA's key leaves Secrets Manager only into the
process that issues; nodes get the key of their own certificate, as EMR's encryption in transit has it.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html#emr-encryption-pem-certificate
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from druid_reindex.errors import ConfigurationError, IntegrityError
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import certificates as plan
from druid_reindex.plan.certificates import Wanted
from druid_reindex.ports import ObjectStorePort, SecretsPort

KEY_BITS = 3072
AUTHORITY_LIFE = timedelta(days=3650)
CLOCK_SKEW = timedelta(hours=1)
FILES = ("privateKey.pem", "certificateChain.pem", "trustedCertificates.pem")


@dataclass(frozen=True)
class Authority:
    """The private CA: its certificate, and its key, which `repr` does not show."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def __repr__(self) -> str:
        return f"Authority({self.certificate.subject.rfc4514_string()})"


@dataclass(frozen=True)
class Certificates:
    """The certificates of one classification's clusters."""

    boundaries: Boundaries
    kind: Classification
    store: ObjectStorePort
    secrets: SecretsPort

    def zip_uri(self, profile: str, now: datetime) -> S3Uri:
        """Where the zip lies that clusters of ``profile`` use at ``now``; it is made when the period has none yet.

        Raises ConfigurationError when the CA expires too early, IntegrityError when the zip is not the one it was,
        and what S3 and Secrets Manager raise.
        """
        asked = plan.wanted(self.boundaries, self.kind, profile, now)
        found = self.find(asked)
        if found is not None:
            self._verify(found)
            return found
        body = issue(self.authority(now), asked, now)
        self.store.put(asked.uri(hashlib.sha256(body).hexdigest()), body, kms_key_arn=self._kms_key_arn)
        return self.find(asked) or asked.uri(hashlib.sha256(body).hexdigest())

    def find(self, asked: Wanted) -> S3Uri | None:
        """Where the period's zip lies; None when there is none."""
        return plan.current(self.store.listing(asked.folder), asked)

    def authority(self, now: datetime) -> Authority:
        """The classification's CA, made the first time that it is asked for."""
        secret_id = plan.authority_secret(self.kind)
        text = self.secrets.text(secret_id)
        if text is None:
            text = self.secrets.make(
                secret_id,
                _stored(make_authority(f"Druid reindex {self.kind.value} clusters", now)),
                kms_key_arn=self._kms_key_arn,
                description="The certificate authority of EMR clusters that rebuild Druid's segments",
            )
        return _authority(text, secret_id)

    def sweep(self, profile: str, now: datetime) -> list[S3Uri]:
        """The zips that were deleted: those whose certificates no cluster can rely on any more."""
        folder = plan.wanted(self.boundaries, self.kind, profile, now).folder
        gone = plan.outdated(self.store.listing(folder), now)
        for uri in gone:
            self.store.delete(uri)
        return gone

    def _verify(self, uri: S3Uri) -> None:
        found = hashlib.sha256(self.store.get(uri)).hexdigest()
        if found != plan.digest_of(uri):
            raise IntegrityError(
                "read a cluster's certificates",
                resource=str(uri),
                came_back=f"SHA-256 {found}, which is not the one in its name",
                remedy="find out in CloudTrail who wrote it, delete it, and let the next night make another",
            )

    @property
    def _kms_key_arn(self) -> str:
        return self.boundaries.of(self.kind).kms_key_arn


def make_authority(name: str, now: datetime) -> Authority:
    """A new CA, which signs certificates of servers and none of further CAs."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = _name(name)
    usage = _usage(signs_certificates=True)
    certificate = (
        _builder(subject, subject, key.public_key(), now, now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(authority: Authority, asked: Wanted, now: datetime) -> bytes:
    """The zip: a new key, its certificate with the CA's behind it, and the CA as what is trusted.

    Raises ConfigurationError when the CA's certificate ends before the one that is asked for.
    """
    if authority.certificate.not_valid_after_utc < asked.expires_at:
        raise ConfigurationError(
            "issue a cluster's certificate",
            resource=authority.certificate.subject.rfc4514_string(),
            came_back=f"the authority ends at {authority.certificate.not_valid_after_utc:%Y-%m-%d}, the certificate at "
            f"{asked.expires_at:%Y-%m-%d}",
            remedy="delete the authority's secret, so that the next night makes a new authority",
        )
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    certificate = (
        _builder(_name(asked.domain), authority.certificate.subject, key.public_key(), now, asked.expires_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(asked.domain)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(_PURPOSES), critical=False)
        .add_extension(_issuer_id(authority.certificate), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    trusted = _pem(authority.certificate)
    return _zip((_key_pem(key), _pem(certificate) + trusted, trusted))


_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def _zip(contents: tuple[bytes, ...]) -> bytes:
    """The files at the zip's root, with a date that says nothing."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_STORED) as archive:
        for name, content in zip(FILES, contents, strict=True):
            archive.writestr(zipfile.ZipInfo(name), content)
    return body.getvalue()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, now: datetime, expires_at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - CLOCK_SKEW)
        .not_valid_after(expires_at)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issuer_id(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    subject_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_id)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _stored(authority: Authority) -> str:
    return json.dumps({"certificate": _pem(authority.certificate).decode(), "key": _key_pem(authority.key).decode()})


def _authority(text: str, secret_id: str) -> Authority:
    """The CA in a secret's text, of which no error quotes anything. Raises ConfigurationError."""
    try:
        held = json.loads(text)
        certificate = x509.load_pem_x509_certificate(held["certificate"].encode())
        key = serialization.load_pem_private_key(held["key"].encode(), password=None)
    except (ValueError, KeyError, TypeError, AttributeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(
            "read the clusters' certificate authority",
            resource=secret_id,
            came_back="no PEM certificate with its RSA key",
            remedy="restore the secret's earlier version, or delete it, so that the next night makes a new authority",
        )
    return Authority(certificate, key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
