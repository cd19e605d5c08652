"""What a cluster's security configuration and Kerberos attributes turn on, and that on the cluster's machine.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-configure-settings.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox import hadoop_tls
from druid_reindex.sandbox.addresses import CLUSTER_DOMAIN, ClusterAddress
from druid_reindex.sandbox.hadoop_security import HadoopSecurity, TlsStores
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SITE_HOST, SITE_REALM, Kdc, SiteRealm
from druid_reindex.sandbox.kerberos import Principal, RealmFile, krb5_conf, trust_principals

# Kerberos listens on 88; a port of an ordinary user's choice on the cluster's address takes its place.
KDC_PORT = 1088
TICKET_HOURS = 24


@dataclass(frozen=True)
class Wanted:
    """What a security configuration asks of Hadoop; made for kerberized clusters only."""

    realm: str
    admin_password: str = field(repr=False)
    ticket_hours: int = TICKET_HOURS
    external_kdc: str | None = None
    trusted_realm: str | None = None
    trust_password: str = field(default="", repr=False)
    in_transit: bool = False
    certificates_uri: str | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any], attributes: Mapping[str, str]) -> Wanted | None:
        """Return what the document asks for; None when it does not turn Kerberos on."""
        kerberos = document.get("AuthenticationConfiguration", {}).get("KerberosConfiguration")
        if kerberos is None:
            return None
        dedicated = kerberos.get("ClusterDedicatedKdcConfiguration", {})
        external = kerberos.get("ExternalKdcConfiguration", {})
        encryption = document.get("EncryptionConfiguration", {})
        tls = encryption.get("InTransitEncryptionConfiguration", {}).get("TLSCertificateConfiguration", {})
        in_transit = encryption.get("EnableInTransitEncryption", False)
        return cls(
            realm=attributes["Realm"],
            admin_password=attributes["KdcAdminPassword"],
            ticket_hours=(dedicated or external).get("TicketLifetimeInHours", TICKET_HOURS),
            external_kdc=external.get("KdcServer"),
            trusted_realm=dedicated.get("CrossRealmTrustConfiguration", {}).get("Realm"),
            trust_password=attributes.get("CrossRealmTrustPrincipalPassword", ""),
            in_transit=in_transit,
            certificates_uri=_pem_zip(tls) if in_transit else None,
        )


@dataclass(frozen=True)
class Secured:
    """A cluster's Hadoop under Kerberos, and the KDC that is the cluster's own, if it has one."""

    hadoop: HadoopSecurity
    kdc: Kdc | None
    site: SiteRealm

    def release(self) -> None:
        """Take the cluster's principals out of the external KDC."""
        if self.kdc is None:
            self.site.realm_file.remove(self.hadoop.principals())


def secure(
    wanted: Wanted, home: SandboxHome, address: ClusterAddress, root: Path, fetch: Callable[[str], Path]
) -> Secured:
    """Make keytabs, certificates and `krb5.conf` below `root`, and let the KDC know the cluster's principals.

    `fetch` reads the certificates' zip as the cluster's role. Raises ConfigurationError where the external KDC is
    another one than the site's, its password is wrong, or the zip has no certificates.
    """
    etc, site = root / "etc", SiteRealm(home)
    hadoop = HadoopSecurity(
        realm=wanted.realm,
        host=address.dns,
        etc=etc,
        tls=_certificates(wanted, home, address, etc / "emr-security", fetch),
        in_transit=wanted.in_transit,
        trusted_realms=(wanted.trusted_realm,) if wanted.trusted_realm else (),
    )
    made = hadoop.make_keytabs()
    kdc = None if wanted.external_kdc else _dedicated(wanted, address, root, made)
    if kdc is None:
        _enrol(wanted, site, made)
    kdcs = {wanted.realm: site.address() if kdc is None else kdc.address}
    if wanted.trusted_realm is not None:
        kdcs[wanted.trusted_realm] = site.address()
    hadoop.krb5_conf.write_text(krb5_conf(wanted.realm, kdcs, {f".{CLUSTER_DOMAIN}": wanted.realm}), encoding="utf-8")
    return Secured(hadoop, kdc, site)


def _dedicated(wanted: Wanted, address: ClusterAddress, root: Path, principals: list[Principal]) -> Kdc:
    realm_file = RealmFile(wanted.realm, root / "var" / "kerberos" / "realm")
    realm_file.path.parent.mkdir(parents=True, mode=0o700)
    realm_file.create()
    administrator = Principal.from_password(f"kadmin/admin@{wanted.realm}", wanted.admin_password)
    realm_file.add(administrator, *principals)
    if wanted.trusted_realm is not None:
        realm_file.add(*trust_principals(wanted.realm, wanted.trusted_realm, wanted.trust_password))
    return Kdc(realm_file, address.ip, KDC_PORT, wanted.ticket_hours)


def _enrol(wanted: Wanted, site: SiteRealm, principals: list[Principal]) -> None:
    server = (wanted.external_kdc or "").partition(":")[0]
    if (server, wanted.realm) != (SITE_HOST, SITE_REALM):
        raise ConfigurationError(
            "Reaching the external KDC",
            resource=f"{server}, realm {wanted.realm}",
            came_back="no such KDC answers",
            remedy=f"name {SITE_HOST} and the realm {SITE_REALM}: the sandbox has no other",
        )
    site.enrol(wanted.admin_password, principals)


def _certificates(
    wanted: Wanted, home: SandboxHome, address: ClusterAddress, folder: Path, fetch: Callable[[str], Path]
) -> TlsStores:
    if wanted.certificates_uri is None:
        return hadoop_tls.from_sandbox_ca(home, address, folder)
    archive = fetch(wanted.certificates_uri)
    try:
        return hadoop_tls.from_zip(archive.read_bytes(), folder)
    finally:
        archive.unlink()


def _pem_zip(tls: Mapping[str, str]) -> str:
    if tls.get("CertificateProviderType") != "PEM":
        raise ConfigurationError(
            "Reading the cluster's certificates",
            resource=f"CertificateProviderType {tls.get('CertificateProviderType')}",
            came_back="the sandbox runs no certificate provider",
            remedy="use PEM, a zip of certificates in S3",
        )
    return tls["S3Object"]
