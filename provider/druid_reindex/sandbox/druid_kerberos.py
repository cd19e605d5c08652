"""What makes a Druid that knows the site's realm: a keytab of its own for peons, and nothing of any cluster's.

A task says whether its cluster is kerberized (`plan.hadoop_site`); without a word from it a peon logs in nowhere.
Source: https://druid.apache.org/docs/25.0.0/configuration/index.html (druid.hadoop.security.kerberos)
"""

from __future__ import annotations

from druid_reindex.sandbox.addresses import CLUSTER_DOMAIN
from druid_reindex.sandbox.hadoop_security import auth_to_local
from druid_reindex.sandbox.kdc import SITE_REALM, SiteRealm

AUTHENTICATION = "hadoop.security.authentication"
CLUSTER_REALM = CLUSTER_DOMAIN.upper()


def jvm_options(realm: SiteRealm) -> tuple[str, ...]:
    """Return the options of every Druid JVM."""
    return (f"-Djava.security.krb5.conf={realm.krb5_conf}", f"-D{AUTHENTICATION}=simple")


def peon_properties(realm: SiteRealm) -> dict[str, object]:
    """Return the middleManager's properties, which its peons take over."""
    return {
        "druid.hadoop.security.kerberos.principal": realm.druid_principal,
        "druid.hadoop.security.kerberos.keytab": realm.druid_keytab,
    }


def core_site() -> dict[str, str]:
    """Return the properties of the peons' core-site.xml."""
    return {
        AUTHENTICATION: f"${{{AUTHENTICATION}}}",
        "hadoop.security.auth_to_local": auth_to_local((SITE_REALM, CLUSTER_REALM)),
    }
