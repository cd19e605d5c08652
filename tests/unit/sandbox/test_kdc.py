"""The site's realm as files, and the process that serves a realm; it runs in `tests/contract/test_emr_kerberos.py`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox import distributions, kdc
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SITE_REALM, SiteRealm
from druid_reindex.sandbox.kerberos import Principal


@pytest.fixture
def site(tmp_path: Path) -> SiteRealm:
    return SiteRealm(SandboxHome(tmp_path / "root", tmp_path / "cache"))


def test_druid_has_a_keytab_and_an_address(site: SiteRealm) -> None:
    made = site.create()
    assert site.address() == made.address
    assert f"kdc = {made.address}\n" in site.krb5_conf.read_text()
    assert "druid@SITE.INTERNAL" in [principal.name for principal in site.realm_file.read()]
    for secret in (site.druid_keytab, site.realm_file.path):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_no_password_or_key_stands_on_the_command_line(site: SiteRealm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributions, "kdc", lambda home, _: home.cache / "kdc")
    spec = site.create().service(site.home, site.home.logs() / "kdc.log", print)
    said = " ".join((*spec.argv, *spec.env.values()))
    assert f"Kdc {SITE_REALM} 127.0.0.1" in said
    secrets = [*site.home.known_secrets().values(), *(p.key.hex() for p in site.realm_file.read())]
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in said]


def test_who_knows_the_administrators_password_adds_principals(site: SiteRealm) -> None:
    site.create()
    host = Principal.random(f"hdfs/host@{SITE_REALM}")
    with pytest.raises(ConfigurationError, match="KdcAdminPassword"):
        site.enrol("a guess", [host])
    assert host not in site.realm_file.read()
    site.enrol(site.home.secret(kdc.SITE_ADMIN_SECRET), [host])
    assert host in site.realm_file.read()


def test_a_trust_tells_druid_where_the_other_realm_is(site: SiteRealm) -> None:
    site.create()
    site.trust("EC2.INTERNAL", "of the trust")
    site.write_krb5_conf({"EC2.INTERNAL": "127.77.1.1:1088"})
    assert "krbtgt/EC2.INTERNAL@SITE.INTERNAL" in [principal.name for principal in site.realm_file.read()]
    assert ".ec2.internal = EC2.INTERNAL" in site.krb5_conf.read_text()


def test_a_kdc_that_was_never_started_is_named(site: SiteRealm) -> None:
    with pytest.raises(ConfigurationError, match="not started"):
        site.address()
