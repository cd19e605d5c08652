"""Key distribution centres: one for each cluster that asks for its own, and the site's, which Druid knows.

Both are Apache Kerby's, over TCP on loopback. The site's realm stands for a company's: it is there before any cluster,
clusters with an external KDC get their principals in it, and Druid's middleManager has its keytab from it. Who adds
principals must know its administrator's password, as EMR must.
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-options.html
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.addresses import CLUSTER_DOMAIN, LOOPBACK, free_port
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.home import SandboxHome, replace
from druid_reindex.sandbox.kerberos import Principal, RealmFile, krb5_conf, trust_principals, write_keytab
from druid_reindex.sandbox.processes import ServiceSpec, listens

NAME = "kdc"
MAIN = "Kdc"
SITE_REALM = "SITE.INTERNAL"
# What a security configuration calls it; the sandbox has no DNS, and leads this name to the site's KDC.
SITE_HOST = "kdc.internal"
SITE_ADMIN_SECRET = "site_kdc_admin_password"  # noqa: S105
SITE_TICKET_HOURS = 24
DRUID_USER = "druid"
HEAP_MEGABYTES = 48
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Kdc:
    """A realm, where its KDC listens, and for how long its tickets are good."""

    realm_file: RealmFile
    host: str
    port: int
    ticket_hours: int = SITE_TICKET_HOURS

    @property
    def address(self) -> str:
        """`host:port`, as `krb5.conf` has it."""
        return f"{self.host}:{self.port}"

    def service(self, home: SandboxHome, log: Path, report: Report) -> ServiceSpec:
        """Return the process. Raises MavenError where its jars cannot be had."""
        jars = distributions.kdc(home, report)
        realm = (self.realm_file.realm, self.host, str(self.port), str(self.realm_file.path), str(self.ticket_hours))
        java = ("java", f"-Xmx{HEAP_MEGABYTES}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        kept = ("PATH", "JAVA_HOME", "LANG")
        return ServiceSpec(
            name=NAME,
            argv=(*java, "-cp", f"{jars}/*:{jars}", MAIN, *realm),
            env={name: os.environ[name] for name in kept if name in os.environ},
            cwd=self.realm_file.path.parent,
            log=log,
            ready=listens(self.host, self.port),
            ready_seconds=READY_SECONDS,
        )


@dataclass(frozen=True)
class SiteRealm:
    """The site's realm as files below `home`: what its KDC reads, what Druid is given, and its address."""

    home: SandboxHome

    @property
    def realm_file(self) -> RealmFile:
        """What the KDC knows."""
        return RealmFile(SITE_REALM, self._folder / "realm")

    @property
    def krb5_conf(self) -> Path:
        """What Druid's processes know of Kerberos."""
        return self._folder / "krb5.conf"

    @property
    def druid_keytab(self) -> Path:
        """The keytab of `druid_principal`."""
        return self._folder / "druid.keytab"

    @property
    def druid_principal(self) -> str:
        """As whom Druid's peons log in."""
        return f"{DRUID_USER}@{SITE_REALM}"

    def create(self) -> Kdc:
        """Make the realm anew, with an administrator and Druid, and return its KDC on a free port."""
        kdc = Kdc(self.realm_file, LOOPBACK, free_port())
        druid = Principal.random(self.druid_principal)
        self.realm_file.create()
        self.realm_file.add(druid, _administrator(self.home.secret(SITE_ADMIN_SECRET)))
        write_keytab(self.druid_keytab, [druid])
        replace(self._folder / "address", kdc.address)
        self.write_krb5_conf({})
        return kdc

    def write_krb5_conf(self, others: dict[str, str]) -> None:
        """Write what Druid's processes read; `others` are the KDCs of realms that the site trusts."""
        cluster_realm = next(iter(others), SITE_REALM)
        kdcs = {SITE_REALM: self.address(), **others}
        replace(self.krb5_conf, krb5_conf(SITE_REALM, kdcs, {f".{CLUSTER_DOMAIN}": cluster_realm}))

    def address(self) -> str:
        """Return `host:port` of the KDC. Raises ConfigurationError where there is none."""
        try:
            return (self._folder / "address").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise ConfigurationError(
                "Looking for the site's KDC",
                resource=SITE_REALM,
                came_back="it was not started",
                remedy="run `druid-reindex sandbox up`, or use a cluster-dedicated KDC",
            ) from error

    def enrol(self, password: str, principals: Sequence[Principal]) -> None:
        """Add principals, as whoever knows the administrator's password may. Raises ConfigurationError."""
        if _administrator(password) not in self.realm_file.read():
            raise ConfigurationError(
                "Adding a cluster's principals to the external KDC",
                resource=SITE_REALM,
                came_back="the KdcAdminPassword is not its administrator's",
                remedy="store the administrator's password in the secret that the profile names",
            )
        self.realm_file.add(*principals)

    def trust(self, realm: str, password: str) -> None:
        """Do the site's half of a cross-realm trust with `realm`."""
        self.realm_file.add(*trust_principals(SITE_REALM, realm, password))

    @property
    def _folder(self) -> Path:
        return self.home.data(NAME)


def site_service(home: SandboxHome, report: Report) -> ServiceSpec:
    """Return the site's KDC, its realm made anew. Raises MavenError where its jars cannot be had."""
    return SiteRealm(home).create().service(home, home.logs() / f"{NAME}.log", report)


def _administrator(password: str) -> Principal:
    return Principal.from_password(f"kadmin/admin@{SITE_REALM}", password)
