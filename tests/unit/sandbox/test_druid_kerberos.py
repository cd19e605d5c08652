"""What Druid knows of the site's realm."""

from __future__ import annotations

from pathlib import Path

from druid_reindex.plan.hadoop_site import PEON_PROPERTY, HadoopSite
from druid_reindex.sandbox import druid_kerberos
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SiteRealm


def test_a_task_decides_whether_its_peon_logs_in(tmp_path: Path) -> None:
    """The name that core-site.xml asks for is the one that a task sets, and a JVM has it before any task says so."""
    (name,) = HadoopSite("primary", "SITE.INTERNAL").task_context()
    asked = druid_kerberos.core_site()["hadoop.security.authentication"]
    assert asked == f"${{{name.removeprefix(PEON_PROPERTY)}}}"
    realm = SiteRealm(SandboxHome(tmp_path / "root", tmp_path / "cache"))
    assert f"-D{name.removeprefix(PEON_PROPERTY)}=simple" in druid_kerberos.jvm_options(realm)


def test_the_keytab_is_druids_own(tmp_path: Path) -> None:
    realm = SiteRealm(SandboxHome(tmp_path / "root", tmp_path / "cache"))
    realm.create()
    properties = druid_kerberos.peon_properties(realm)
    assert properties["druid.hadoop.security.kerberos.principal"] == "druid@SITE.INTERNAL"
    assert Path(str(properties["druid.hadoop.security.kerberos.keytab"])).is_file()
