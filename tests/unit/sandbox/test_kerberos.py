"""Principals, keytabs, realm files and `krb5.conf`."""

from __future__ import annotations

import stat
import struct
from pathlib import Path

import pytest

from druid_reindex.sandbox import kerberos
from druid_reindex.sandbox.kerberos import Principal, RealmFile, krb5_conf, string_to_key, trust, write_keytab

# Source: https://www.rfc-editor.org/rfc/rfc3962#appendix-B
VECTORS = [
    (1, "password", "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161"),
    (1200, "password", "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a"),
]


@pytest.mark.parametrize(("iterations", "password", "key"), VECTORS)
def test_a_password_gives_the_key_of_the_standard(iterations: int, password: str, key: str) -> None:
    assert string_to_key(password, "ATHENA.MIT.EDUraeburn", iterations).hex() == key


def test_the_default_salt_is_the_realm_and_every_component() -> None:
    made = Principal.from_password("krbtgt/A.COM@B.COM", "secret")
    assert made.key == string_to_key("secret", "B.COMkrbtgtA.COM")
    assert made.key.hex() not in repr(made)


def test_a_keytab_holds_each_key_and_is_its_owners_alone(tmp_path: Path) -> None:
    one, two = Principal.random("hdfs/host.a@A.COM"), Principal.random("druid@A.COM")
    path = write_keytab(write_keytab(tmp_path / "etc" / "k.keytab", [two]), [one, two])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert content[:2] == b"\x05\x02"
    assert entries(content[2:]) == [one, two]


def entries(content: bytes) -> list[Principal]:
    """What MIT's format description makes of the file."""
    found = []
    while content:
        (size,) = struct.unpack(">i", content[:4])
        body, content = content[4 : 4 + size], content[4 + size :]
        (count,) = struct.unpack(">H", body[:2])
        parts, rest = [], body[2:]
        for _ in range(count + 1):
            (length,) = struct.unpack(">H", rest[:2])
            parts.append(rest[2 : 2 + length].decode())
            rest = rest[2 + length :]
        kind, length = struct.unpack(">HH", rest[9:13])
        assert (kind, length) == (kerberos.AES256_CTS_HMAC_SHA1_96, 32)
        found.append(Principal(f"{'/'.join(parts[1:])}@{parts[0]}", rest[13 : 13 + length]))
        assert rest[13 + length :] == struct.pack(">I", 1)
    return found


def test_a_realm_keeps_its_principals(tmp_path: Path) -> None:
    realm = RealmFile("A.COM", tmp_path / "realm")
    realm.create()
    first, second = Principal.random("a@A.COM"), Principal.random("a@A.COM")
    realm.add(first, Principal.random("b@A.COM"))
    realm.add(second)
    realm.remove(["b@A.COM", "never@A.COM"])
    assert [p.name for p in realm.read()] == ["krbtgt/A.COM@A.COM", "a@A.COM"]
    assert realm.read()[1] == second
    assert stat.S_IMODE(realm.path.stat().st_mode) == 0o600


def test_realms_that_trust_each_other_share_two_keys(tmp_path: Path) -> None:
    realms = [RealmFile(name, tmp_path / name) for name in ("A.COM", "B.COM")]
    for realm in realms:
        realm.create()
    trust(*realms, "of the trust")
    known = [{p.name: p.key for p in realm.read()} for realm in realms]
    shared = known[0].keys() & known[1].keys()
    assert shared == {"krbtgt/A.COM@B.COM", "krbtgt/B.COM@A.COM"}
    assert all(known[0][name] == known[1][name] for name in shared)


def test_krb5_conf_names_each_kdc_and_uses_tcp_alone() -> None:
    text = krb5_conf("A.COM", {"A.COM": "127.0.0.1:88", "B.COM": "127.0.0.2:88"}, {".b.com": "B.COM"})
    assert "default_realm = A.COM" in text
    assert "udp_preference_limit = 1\n" in text
    assert "  B.COM = {\n    kdc = 127.0.0.2:88\n  }\n[domain_realm]\n  .b.com = B.COM\n" in text
