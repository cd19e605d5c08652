"""What a security configuration turns on, and what it leaves on the cluster's machine."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox import kdc
from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.aws.emr.kerberized import KDC_PORT, Secured, Wanted, secure
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SITE_REALM, SiteRealm

ADDRESS = ClusterAddress("127.77.1.2", "ip-127-77-1-2.ec2.internal")
ATTRIBUTES = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "of the administrator"}
TRUST = {"Realm": SITE_REALM, "Domain": "site.internal", "AdminServer": "kdc.internal", "KdcServer": "kdc.internal"}
PEM = {"CertificateProviderType": "PEM", "S3Object": "s3://b/certs.zip"}


def document(tls: dict[str, str] | None = None, **kerberos: Any) -> dict[str, Any]:
    encryption = {
        "EnableInTransitEncryption": tls is not None,
        "InTransitEncryptionConfiguration": {"TLSCertificateConfiguration": tls or {}},
    }
    return {"EncryptionConfiguration": encryption, "AuthenticationConfiguration": {"KerberosConfiguration": kerberos}}


def dedicated(**more: Any) -> dict[str, Any]:
    return {
        "Provider": "ClusterDedicatedKdc",
        "ClusterDedicatedKdcConfiguration": {"TicketLifetimeInHours": 8, **more},
    }


def external(server: str = "kdc.internal:88") -> dict[str, Any]:
    settings = {"TicketLifetimeInHours": 24, "KdcServerType": "Single", "KdcServer": server}
    return {"Provider": "ExternalKdc", "ExternalKdcConfiguration": settings}


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "home", tmp_path / "cache")


Securing = Callable[..., Secured]


@pytest.fixture
def secured(home: SandboxHome, tmp_path: Path) -> Securing:
    def make(found: dict[str, Any], **attributes: str) -> Secured:
        wanted = Wanted.read(found, ATTRIBUTES | attributes)
        assert wanted is not None
        return secure(wanted, home, ADDRESS, tmp_path / "root", Path)

    return make


@pytest.mark.parametrize("found", [{}, {"EncryptionConfiguration": {"EnableInTransitEncryption": True}}])
def test_without_kerberos_nothing_is_turned_on(found: dict[str, Any]) -> None:
    assert Wanted.read(found, {}) is None


def test_encryption_in_transit_is_a_choice_of_its_own() -> None:
    plain, private = Wanted.read(document(**dedicated()), ATTRIBUTES), Wanted.read(
        document(PEM, **dedicated()), ATTRIBUTES
    )  # fmt: skip
    assert plain is not None
    assert private is not None
    assert (plain.in_transit, plain.certificates_uri) == (False, None)
    assert (private.in_transit, private.certificates_uri) == (True, "s3://b/certs.zip")
    assert "of the administrator" not in repr(private)


def test_a_certificate_provider_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="use PEM"):
        Wanted.read(document({"CertificateProviderType": "Custom"}, **dedicated()), ATTRIBUTES)


def test_a_dedicated_kdc_knows_the_host_and_the_administrator(secured: Securing, tmp_path: Path) -> None:
    made = secured(document(**dedicated()))
    assert made.kdc is not None
    assert (made.kdc.host, made.kdc.port, made.kdc.ticket_hours) == (ADDRESS.ip, KDC_PORT, 8)
    known = [principal.name for principal in made.kdc.realm_file.read()]
    assert {"kadmin/admin@EC2.INTERNAL", f"hdfs/{ADDRESS.dns}@EC2.INTERNAL"} < set(known)
    secrets = [made.kdc.realm_file.path, *(tmp_path / "root" / "etc").rglob("*.p12"), *made.hadoop.etc.glob("*.keytab")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert f"kdc = {ADDRESS.ip}:{KDC_PORT}" in made.hadoop.krb5_conf.read_text()


def test_a_trust_is_known_to_both_when_the_passwords_are_one(home: SandboxHome, secured: Securing) -> None:
    site = SiteRealm(home)
    site.create()
    site.trust("EC2.INTERNAL", "of the trust")
    found = document(**dedicated(CrossRealmTrustConfiguration=TRUST))
    made = secured(found, CrossRealmTrustPrincipalPassword="of the trust")
    assert made.kdc is not None
    ours, theirs = ({p.name: p.key for p in realm.read()} for realm in (made.kdc.realm_file, site.realm_file))
    name = f"krbtgt/EC2.INTERNAL@{SITE_REALM}"
    assert ours[name] == theirs[name]
    assert made.hadoop.trusted_realms == (SITE_REALM,)


def test_an_external_kdc_knows_the_host_until_it_is_released(home: SandboxHome, secured: Securing) -> None:
    site = SiteRealm(home)
    site.create()
    before = site.realm_file.read()
    made = secured(document(**external()), Realm=SITE_REALM, KdcAdminPassword=home.secret(kdc.SITE_ADMIN_SECRET))
    assert made.kdc is None
    assert made.hadoop.principal("yarn") in [principal.name for principal in site.realm_file.read()]
    made.release()
    assert site.realm_file.read() == before


@pytest.mark.parametrize(
    ("server", "realm", "password", "said"),
    [
        ("kdc.example.com:88", SITE_REALM, None, "no such KDC"),
        ("kdc.internal:88", "OTHER.REALM", None, "no such KDC"),
        ("kdc.internal:88", SITE_REALM, "a guess", "KdcAdminPassword"),
    ],
)
def test_another_kdc_and_a_wrong_password_are_refused(
    home: SandboxHome, secured: Securing, server: str, realm: str, password: str | None, said: str
) -> None:
    SiteRealm(home).create()
    with pytest.raises(ConfigurationError, match=said):
        secured(
            document(**external(server)),
            Realm=realm,
            KdcAdminPassword=password or home.secret(kdc.SITE_ADMIN_SECRET),
        )
