"""What a kerberized cluster's files say."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from druid_reindex.sandbox.hadoop_security import HadoopSecurity, TlsStores, auth_to_local, login_name, sites, tls_files

STORES = TlsStores(Path("/k.p12"), Path("/t.p12"), Path("/t.pem"), "of the stores")


def security(etc: Path, *, in_transit: bool = True) -> HadoopSecurity:
    return HadoopSecurity("EC2.INTERNAL", "ip-1.ec2.internal", etc, STORES, in_transit, ("SITE.INTERNAL",))


def test_everything_is_private_with_encryption_in_transit(tmp_path: Path) -> None:
    found = sites(security(tmp_path), "127.77.1.2")
    assert found["core-site"]["hadoop.security.authentication"] == "kerberos"
    assert found["core-site"]["hadoop.rpc.protection"] == "privacy"
    assert found["hdfs-site"]["dfs.data.transfer.protection"] == "privacy"
    assert found["hdfs-site"]["dfs.encrypt.data.transfer"] == "true"
    assert found["hdfs-site"]["dfs.encrypt.data.transfer.cipher.suites"] == "AES/CTR/NoPadding"
    assert found["mapred-site"]["mapreduce.shuffle.ssl.enabled"] == "true"


def test_without_it_clients_are_authenticated_and_no_more(tmp_path: Path) -> None:
    found = sites(security(tmp_path, in_transit=False), "127.77.1.2")
    assert found["core-site"]["hadoop.rpc.protection"] == "authentication"
    assert found["hdfs-site"]["dfs.encrypt.data.transfer"] == "false"
    assert found["mapred-site"]["mapreduce.shuffle.ssl.enabled"] == "false"


def test_web_interfaces_speak_tls_alone(tmp_path: Path) -> None:
    found = sites(security(tmp_path), "127.77.1.2")
    policies = [properties[key] for properties in found.values() for key in properties if key.endswith("http.policy")]
    assert policies == ["HTTPS_ONLY"] * 3


def test_each_daemon_has_a_principal_and_a_keytab_of_its_own(tmp_path: Path) -> None:
    made = security(tmp_path)
    principals = made.make_keytabs()
    assert [principal.name for principal in principals] == made.principals()
    assert "yarn/ip-1.ec2.internal@EC2.INTERNAL" in made.principals()
    keytabs = sorted(tmp_path.glob("*.keytab"))
    assert [path.stem for path in keytabs] == ["hadoop", "hdfs", "mapred", "yarn"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keytabs} == {0o600}
    assert made.login("hdfs")["KRB5KEYTAB"] == str(keytabs[1])


@pytest.mark.parametrize(
    ("principal", "user"),
    [
        ("hdfs/ip-1.ec2.internal@EC2.INTERNAL", "hdfs"),
        ("mapred/ip-1.ec2.internal@EC2.INTERNAL", "mapred"),
        ("alice@SITE.INTERNAL", "alice"),
        ("hadoop/ip-1.ec2.internal@EC2.INTERNAL", login_name()),
        ("druid@SITE.INTERNAL", login_name()),
    ],
)
def test_principals_become_local_users(principal: str, user: str) -> None:
    assert mapped(principal, auth_to_local(("EC2.INTERNAL", "SITE.INTERNAL")).splitlines()) == user


def mapped(principal: str, rules: list[str]) -> str:
    """What Hadoop's rules make of a principal: the first that fits, by the number of components and the pattern."""
    name, _, realm = principal.rpartition("@")
    parts = name.split("/")
    for rule in rules[:-1]:
        count, pattern, old, new = re.fullmatch(r"RULE:\[(\d):\$1@\$0\]\(([^()]*)\)s/(.*)/(.*)/", rule).groups()  # type: ignore[union-attr]
        base = f"{parts[0]}@{realm}"
        if int(count) == len(parts) and re.fullmatch(pattern, base):
            return re.sub(old, new, base, count=1)
    return "no rule"


def test_only_the_tls_files_hold_the_stores_password(tmp_path: Path) -> None:
    assert "of the stores" not in str(sites(security(tmp_path), "127.77.1.2"))
    files = tls_files(STORES)
    assert files["ssl-client"]["ssl.client.truststore.password"] == "of the stores"
    assert files["ssl-server"]["ssl.server.keystore.location"] == "/k.p12"
    assert "of the stores" not in repr(STORES)
