"""The Kerberos realms of one side of the boundary: that of its clusters, of a KDC outside them, and those trusted.

Addresses and names only; each password is in a secret of AWS Secrets Manager that is named here.
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-configure-settings.html
"""

from __future__ import annotations

from pydantic import Field

from druid_reindex.model.frozen import Frozen
from druid_reindex.model.security_configuration import DomainName, Host, RealmName

_JOIN = 'a Secrets Manager secret, {"user": …, "password": …} of who may join computers to the directory; or null'
_REALM = "a realm in capital letters, such as AD.EXAMPLE.COM"
_DOMAIN = "a domain in small letters, such as ad.example.com"


class ActiveDirectory(Frozen):
    """The directory that an external KDC trusts."""

    realm: RealmName = Field(description=_REALM)
    domain: DomainName = Field(description=_DOMAIN)
    join_secret_id: str = Field(min_length=1, description=_JOIN.removesuffix("; or null"))


class OutsideKdc(Frozen):
    """A KDC that is there before the clusters and after them."""

    realm: RealmName = Field(description=_REALM)
    admin_server: Host = Field(description="the admin server, host or host:749")
    kdc_server: Host = Field(description="the KDC, host or host:88")
    secret_id: str = Field(min_length=1, description='a Secrets Manager secret, {"password": …} of its kadmin')
    active_directory: ActiveDirectory | None = Field(None, description="realm, domain and join_secret_id, or null")


class TrustedRealm(Frozen):
    """A realm whose principals the clusters' own KDC trusts."""

    realm: RealmName = Field(description=_REALM)
    domain: DomainName = Field(description=_DOMAIN)
    admin_server: Host = Field(description="its admin server, host or host:749")
    kdc_server: Host = Field(description="its KDC, host or host:88")
    secret_id: str = Field(
        min_length=1, description='a Secrets Manager secret, {"password": …} of the trust, equal in both realms'
    )
    join_secret_id: str | None = Field(None, min_length=1, description=_JOIN)


class Realms(Frozen):
    """Where clusters belong; what is left out cannot be asked for by a security file."""

    cluster_realm: RealmName = Field("EC2.INTERNAL", description="the realm of clusters with a KDC of their own")
    external_kdc: OutsideKdc | None = Field(None, description="realm, admin_server, kdc_server, secret_id; or null")
    trusted_realm: TrustedRealm | None = Field(
        None, description="realm, domain, admin_server, kdc_server, secret_id; or null"
    )
