"""What a survey found and what the night intends, as frozen values. Each fact may be ``Unread`` instead.

None means that it was read and is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from druid_reindex.model.account import (
    BucketEncryption,
    KmsKey,
    LoadBalancer,
    PemBundle,
    Permission,
    PublicAccessBlock,
    SecurityGroup,
    Subnet,
)
from druid_reindex.model.druid_server import DruidServer, Handshake
from druid_reindex.model.pipeline import Engine, Submission

T = TypeVar("T")
Policy: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that nobody could read, and why."""

    reason: str


class UnreadFactError(Exception):
    """A rule needs a fact that is unread; it never leaves this room: ``judge`` makes UNKNOWN of it."""


Fact: TypeAlias = T | Unread


def known(fact: T | Unread) -> T:
    """The fact's value. Raises UnreadFactError with the reason when nobody could read it."""
    if isinstance(fact, Unread):
        raise UnreadFactError(fact.reason)
    return fact


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of the night; ``wanted_key`` is the key it should encrypt with, empty where any customer key will do.

    ``key`` is the key that its default encryption names, None where it names none.
    """

    name: str
    wanted_key: str
    region: Fact[str]
    encryption: Fact[BucketEncryption]
    key: Fact[KmsKey | None]
    policy: Fact[Policy | None]
    public_access_block: Fact[PublicAccessBlock | None]
    is_public: Fact[bool]


@dataclass(frozen=True, slots=True)
class Key:
    """One KMS key of the night, as its ARN stands in the boundary."""

    arn: str
    description: Fact[KmsKey]
    policy: Fact[Policy]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A role's use of a key that ``rule`` asks for: what IAM's simulation says, in the context of ``conditions``.

    ``conditions`` are the condition keys that KMS would see, in lower case.
    """

    rule: str
    purpose: str
    role: Fact[str]
    key: Key
    actions: tuple[str, ...]
    permissions: Fact[tuple[Permission, ...]]
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secrets Manager secret that a KDC's password comes from; ``exists`` is False when it is deleted or missing."""

    secret_id: str
    exists: Fact[bool]


@dataclass(frozen=True, slots=True)
class Druid:
    """What Druid's servers say of themselves.

    ``answers_strangers`` and ``properties`` are by server; no property is there that is not asked for by name.
    """

    urls: tuple[str, ...]
    servers: Fact[tuple[DruidServer, ...]]
    handshakes: Mapping[str, Fact[Handshake]]
    answers_strangers: Mapping[str, Fact[bool]]
    properties: Mapping[str, Fact[Mapping[str, str]]]
    version: Fact[str]
    load_specs: Fact[tuple[Mapping[str, Any], ...]]
    load_balancers: Fact[tuple[LoadBalancer, ...]]


@dataclass(frozen=True, slots=True)
class Security:
    """The security configuration that the night's clusters run under: its name, its document, and for Kerberos a realm.

    ``secret_ids`` are the Secrets Manager secrets that passwords of its KDC come from.
    """

    name: str
    document: Mapping[str, Any]
    realm: str = ""
    secret_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """What the night would do: its RunJobFlow ``request``, its keys, and its security, if it names one."""

    subject: str
    region: str
    account: str
    engine: Engine
    submission: Submission
    data_key: str
    log_key: str
    disk_key: str
    data_bucket: str
    log_bucket: str
    subnet_ids: tuple[str, ...]
    request: Mapping[str, Any]
    security: Security | None
    longest_night_hours: float

    @property
    def release_label(self) -> str:
        """The EMR release."""
        return str(self.request.get("ReleaseLabel", ""))

    @property
    def group_ids(self) -> tuple[str, ...]:
        """The security groups that the clusters get, in EMR's order: primary, core, service access, additional."""
        instances = self.request.get("Instances", {})
        managed = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup")
        additional = ("AdditionalMasterSecurityGroups", "AdditionalSlaveSecurityGroups")
        return (
            *(str(instances[name]) for name in managed if instances.get(name)),
            *(group for name in additional for group in instances.get(name, ())),
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the rules before a launch judge; ``at`` is when it was read (UTC)."""

    at: datetime
    intent: Intent
    buckets: tuple[Bucket, ...]
    keys: tuple[Key, ...]
    key_uses: tuple[KeyUse, ...]
    stored_configuration: Fact[Mapping[str, Any] | None]
    pem: Fact[PemBundle | None]
    subnets: Mapping[str, Fact[Subnet | None]]
    groups: Mapping[str, Fact[SecurityGroup | None]]
    block_public_access: Fact[Mapping[str, Any]]
    release_labels: Fact[frozenset[str]]
    release_applications: Fact[Mapping[str, str]]
    secrets: tuple[Secret, ...]
    druid: Druid

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The security configuration as EMR has it, else as the night would make it; empty when there is none.

        Raises UnreadFactError when EMR's could not be read.
        """
        return known(self.stored_configuration) or (self.intent.security.document if self.intent.security else {})
