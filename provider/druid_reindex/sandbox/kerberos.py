"""Kerberos as files: principals with their keys, what a KDC knows of them, keytabs, and `krb5.conf`.

The keys are made here, at random, so that no password stands behind any principal. A realm's file is what its KDC
reads (`kdc.py`); two realms trust each other where both know a `krbtgt` principal with one key.
Source: https://web.mit.edu/kerberos/krb5-latest/doc/formats/keytab_file_format.html
Source: https://web.mit.edu/kerberos/krb5-latest/doc/admin/realm_config.html (cross-realm authentication)
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from druid_reindex.sandbox.home import locked, replace

AES256_CTS_HMAC_SHA1_96 = 18
KEY_BYTES = 32
KEY_VERSION = 1
NT_PRINCIPAL = 1
KEYTAB_VERSION = b"\x05\x02"
ITERATIONS = 4096
# "kerberos", folded to the 16 bytes of AES's block.
FOLDED_CONSTANT = bytes.fromhex("6b65726265726f737b9b5b2b93132b93")


@dataclass(frozen=True)
class Principal:
    """A principal, as in `hdfs/host@REALM`, and its AES-256 key."""

    name: str
    key: bytes = field(repr=False)

    @classmethod
    def random(cls, name: str) -> Principal:
        """Return the principal with a new key."""
        return cls(name, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_password(cls, name: str, password: str) -> Principal:
        """Return the principal with the key that every Kerberos derives from `password` and the default salt.

        Source: https://www.rfc-editor.org/rfc/rfc3962#section-4
        """
        principal = cls(name, b"")
        return cls(name, string_to_key(password, principal.realm + "".join(principal.components)))

    @property
    def realm(self) -> str:
        """What follows the `@`."""
        return self.name.rpartition("@")[2]

    @property
    def components(self) -> list[str]:
        """What stands before the `@`, cut at its slashes."""
        return self.name.rpartition("@")[0].split("/")


@dataclass(frozen=True)
class RealmFile:
    """The principals of one realm in a file of mode 0600; a KDC that reads it sees each change."""

    realm: str
    path: Path

    def create(self) -> None:
        """Begin anew, with the ticket-granting service as the only principal."""
        ticket_granting = Principal.random(f"krbtgt/{self.realm}@{self.realm}")
        replace(self.path, _lines([ticket_granting]))

    def add(self, *principals: Principal) -> None:
        """Add principals, in place of those of the same names."""
        with locked(self.path):
            known = {principal.name: principal for principal in self.read()}
            replace(self.path, _lines((known | {principal.name: principal for principal in principals}).values()))

    def remove(self, names: Iterable[str]) -> None:
        """Forget the principals of these names."""
        gone = set(names)
        with locked(self.path):
            replace(self.path, _lines(principal for principal in self.read() if principal.name not in gone))

    def read(self) -> list[Principal]:
        """Return the principals."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [Principal(name, bytes.fromhex(key)) for name, _, key in map(str.split, lines)]


def trust(one: RealmFile, other: RealmFile, password: str) -> None:
    """Let principals of each realm be known in the other; `password` is the trust principals', as EMR asks for it.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-configure-settings.html
    """
    for realm_file in (one, other):
        realm_file.add(*trust_principals(one.realm, other.realm, password))


def trust_principals(one: str, other: str, password: str) -> tuple[Principal, Principal]:
    """Return the two principals that both realms must know, so that tickets of each open the other."""
    names = (f"krbtgt/{other}@{one}", f"krbtgt/{one}@{other}")
    return Principal.from_password(names[0], password), Principal.from_password(names[1], password)


def string_to_key(password: str, salt: str, iterations: int = ITERATIONS) -> bytes:
    """Return the AES-256 key of `password`. Source: https://www.rfc-editor.org/rfc/rfc3962#section-4"""
    derived = hashlib.pbkdf2_hmac("sha1", password.encode(), salt.encode(), iterations, KEY_BYTES)
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(bytes(len(FOLDED_CONSTANT)))).encryptor()
    # With a zero second block, CBC encrypts the first block's result again, which is what is wanted.
    return encryptor.update(FOLDED_CONSTANT + bytes(len(FOLDED_CONSTANT))) + encryptor.finalize()


def write_keytab(path: Path, principals: Sequence[Principal]) -> Path:
    """Write the principals' keys, mode 0600, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(KEYTAB_VERSION + b"".join(map(_entry, principals)))
    return path


def krb5_conf(default_realm: str, kdcs: Mapping[str, str], domains: Mapping[str, str]) -> str:
    """Return a `krb5.conf`: each realm's KDC as `host:port`, and the realm of each DNS domain or host; TCP alone."""
    realms = "".join(f"  {realm} = {{\n    kdc = {kdc}\n  }}\n" for realm, kdc in kdcs.items())
    mapped = "".join(f"  {domain} = {realm}\n" for domain, realm in domains.items())
    return (
        f"[libdefaults]\n  default_realm = {default_realm}\n  dns_lookup_realm = false\n  dns_lookup_kdc = false\n"
        "  dns_canonicalize_hostname = false\n  rdns = false\n  udp_preference_limit = 1\n  forwardable = true\n"
        "  permitted_enctypes = aes256-cts-hmac-sha1-96\n  default_tkt_enctypes = aes256-cts-hmac-sha1-96\n"
        f"  default_tgs_enctypes = aes256-cts-hmac-sha1-96\n[realms]\n{realms}[domain_realm]\n{mapped}"
    )


def _lines(principals: Iterable[Principal]) -> str:
    return "".join(f"{principal.name} {KEY_VERSION} {principal.key.hex()}\n" for principal in principals)


def _entry(principal: Principal) -> bytes:
    parts = [_counted(principal.realm.encode()), *(_counted(part.encode()) for part in principal.components)]
    key = struct.pack(">H", AES256_CTS_HMAC_SHA1_96) + _counted(principal.key)
    body = struct.pack(">H", len(principal.components)) + b"".join(parts) + struct.pack(">II", NT_PRINCIPAL, 0)
    body += struct.pack(">B", KEY_VERSION) + key + struct.pack(">I", KEY_VERSION)
    return struct.pack(">i", len(body)) + body


def _counted(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text
