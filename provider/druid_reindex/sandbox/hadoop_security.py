"""What a kerberized, encrypted cluster's Hadoop is configured with, beside what every cluster has.

EMR's names: principals `hdfs/<host>@REALM` and so on, keytabs below `/etc`. One thing is the sandbox's own: a single
operating-system user runs everything, and Hadoop's shuffle serves a map's output to the file's owner alone, so that
`hadoop` and `druid` are mapped to that user, while hdfs, yarn and mapred stay apart.
Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-project-dist/hadoop-common/SecureMode.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-support-matrix.html
Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-mapreduce-client/hadoop-mapreduce-client-core/EncryptedShuffle.html
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from pathlib import Path

from druid_reindex.sandbox.kerberos import Principal, write_keytab

NAME_NODE_HTTPS_PORT = 9871
DATA_NODE_HTTPS_PORT = 9865
RESOURCE_MANAGER_HTTPS_PORT = 8090
NODE_MANAGER_HTTPS_PORT = 8044
JOB_HISTORY_HTTPS_PORT = 19890
# Each keytab and the services whose principals of this host it holds.
KEYTABS = {
    "hdfs": ("hdfs", "HTTP"),
    "yarn": ("yarn", "HTTP"),
    "mapred": ("mapred", "HTTP"),
    "hadoop": ("hadoop",),
}
SERVICES = ("hdfs", "yarn", "mapred", "hadoop", "HTTP")
USERS = ("hadoop", "druid")
CIPHER_SUITE = "AES/CTR/NoPadding"

Sites = dict[str, dict[str, str]]


@dataclass(frozen=True)
class TlsStores:
    """The cluster's certificate and what it trusts, as Java's stores and (for probes) PEM."""

    keystore: Path
    truststore: Path
    trusted_pem: Path
    password: str = field(repr=False)


@dataclass(frozen=True)
class HadoopSecurity:
    """A cluster's realm, keytabs and certificates; `in_transit` turns on what needs a security configuration's TLS."""

    realm: str
    host: str
    etc: Path
    tls: TlsStores
    in_transit: bool
    trusted_realms: tuple[str, ...] = ()

    @property
    def krb5_conf(self) -> Path:
        """The only Kerberos configuration of the cluster's processes."""
        return self.etc / "krb5.conf"

    def principal(self, service: str) -> str:
        """Return the principal of a service on the cluster's host."""
        return f"{service}/{self.host}@{self.realm}"

    def keytab(self, name: str) -> Path:
        """Return the path of a keytab of `KEYTABS`."""
        return self.etc / f"{name}.keytab"

    def login(self, name: str) -> dict[str, str]:
        """Return the variables with which Hadoop's clients log in from a keytab.

        Source: org.apache.hadoop.security.UserGroupInformation.LoginParams#getDefaults (3.3.6)
        """
        return {"KRB5PRINCIPAL": self.principal(name), "KRB5KEYTAB": str(self.keytab(name))}

    def principals(self) -> list[str]:
        """Return the names of all principals of the cluster's host."""
        return [self.principal(service) for service in SERVICES]

    def make_keytabs(self) -> list[Principal]:
        """Write a keytab for each of `KEYTABS` and return all principals, for a KDC to know."""
        made = {service: Principal.random(self.principal(service)) for service in SERVICES}
        for name, held in KEYTABS.items():
            write_keytab(self.keytab(name), [made[service] for service in held])
        return list(made.values())


def sites(security: HadoopSecurity, address: str) -> Sites:
    """Return the properties by file; `address` is where the daemons bind."""
    return {
        "core-site": _core(security),
        "hdfs-site": _hdfs(security, address),
        "yarn-site": _yarn(security),
        "mapred-site": _mapred(security),
    }


def tls_files(tls: TlsStores) -> Sites:
    """Return the files that name the stores and hold their password, by name: for servers and for clients."""
    server = {
        "ssl.server.keystore.location": str(tls.keystore),
        "ssl.server.keystore.type": "pkcs12",
        "ssl.server.keystore.password": tls.password,
        "ssl.server.keystore.keypassword": tls.password,
    }
    return {"ssl-server": server | _trust("server", tls), "ssl-client": _trust("client", tls)}


def _core(security: HadoopSecurity) -> dict[str, str]:
    return {
        "hadoop.security.authentication": "kerberos",
        "hadoop.security.authorization": "true",
        "hadoop.rpc.protection": "privacy" if security.in_transit else "authentication",
        "hadoop.security.auth_to_local": auth_to_local((security.realm, *security.trusted_realms)),
        # These users are the cluster's, and nobody's on this machine.
        "hadoop.user.group.static.mapping.overrides": "hdfs=hdfsadmingroup,hadoop;yarn=hadoop;mapred=hadoop",
        "hadoop.ssl.server.conf": "ssl-server.xml",
        "hadoop.ssl.client.conf": "ssl-client.xml",
        "hadoop.ssl.enabled.protocols": "TLSv1.2",
    }


def auth_to_local(realms: tuple[str, ...]) -> str:
    """Return the rules that make a local user of a principal of one of `realms`."""
    rules = []
    for realm in (realm.replace(".", "\\.") for realm in realms):
        for form in ("1:$1@$0", "2:$1@$0"):
            # Hadoop's rules know no parentheses within a pattern.
            rules += [f"RULE:[{form}]({user}@{realm})s/.*/{login_name()}/" for user in USERS]
            rules.append(f"RULE:[{form}](.*@{realm})s/@.*//")
    return "\n".join((*rules, "DEFAULT"))


def login_name() -> str:
    """Return the operating-system user as whom everything runs."""
    return pwd.getpwuid(os.getuid()).pw_name


def _hdfs(security: HadoopSecurity, address: str) -> dict[str, str]:
    hdfs, keytab = security.principal("hdfs"), str(security.keytab("hdfs"))
    return {
        "dfs.namenode.kerberos.principal": hdfs,
        "dfs.namenode.keytab.file": keytab,
        "dfs.datanode.kerberos.principal": hdfs,
        "dfs.datanode.keytab.file": keytab,
        "dfs.web.authentication.kerberos.principal": security.principal("HTTP"),
        "dfs.web.authentication.kerberos.keytab": keytab,
        "dfs.block.access.token.enable": "true",
        "dfs.http.policy": "HTTPS_ONLY",
        "dfs.namenode.https-address": f"{security.host}:{NAME_NODE_HTTPS_PORT}",
        "dfs.datanode.https.address": f"{address}:{DATA_NODE_HTTPS_PORT}",
        "dfs.permissions.enabled": "true",
        # A DataNode on a port that an ordinary user may bind is refused without it.
        "dfs.data.transfer.protection": "privacy" if security.in_transit else "authentication",
        "dfs.encrypt.data.transfer": str(security.in_transit).lower(),
        "dfs.encrypt.data.transfer.cipher.suites": CIPHER_SUITE,
    }


def _yarn(security: HadoopSecurity) -> dict[str, str]:
    yarn, keytab = security.principal("yarn"), str(security.keytab("yarn"))
    return {
        "yarn.resourcemanager.principal": yarn,
        "yarn.resourcemanager.keytab": keytab,
        "yarn.nodemanager.principal": yarn,
        "yarn.nodemanager.keytab": keytab,
        "yarn.acl.enable": "true",
        "yarn.http.policy": "HTTPS_ONLY",
        "yarn.resourcemanager.webapp.https.address": f"{security.host}:{RESOURCE_MANAGER_HTTPS_PORT}",
        "yarn.nodemanager.webapp.https.address": f"{security.host}:{NODE_MANAGER_HTTPS_PORT}",
    }


def _mapred(security: HadoopSecurity) -> dict[str, str]:
    return {
        "mapreduce.jobhistory.principal": security.principal("mapred"),
        "mapreduce.jobhistory.keytab": str(security.keytab("mapred")),
        "mapreduce.jobhistory.http.policy": "HTTPS_ONLY",
        "mapreduce.jobhistory.webapp.https.address": f"{security.host}:{JOB_HISTORY_HTTPS_PORT}",
        "mapreduce.shuffle.ssl.enabled": str(security.in_transit).lower(),
    }


def _trust(side: str, tls: TlsStores) -> dict[str, str]:
    return {
        f"ssl.{side}.truststore.location": str(tls.truststore),
        f"ssl.{side}.truststore.type": "pkcs12",
        f"ssl.{side}.truststore.password": tls.password,
    }
