"""What a read-only look at an AWS account finds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Who AWS says is asking."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True)
class KmsKey:
    """One KMS key; ``state`` is KMS's ``KeyState``, ``manager`` its ``KeyManager`` (CUSTOMER or AWS).

    ``usage`` is its ``KeyUsage``; ``deletes_at`` (UTC) is None unless it waits for its deletion.

    Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html
    """

    arn: str
    state: str
    manager: str
    spec: str
    usage: str
    deletes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet; ``internet_gateways`` are those that its route table sends traffic to."""

    subnet_id: str
    vpc_id: str
    internet_gateways: tuple[str, ...]
    gives_public_addresses: bool

    @property
    def is_private(self) -> bool:
        """Whether nothing in it can be reached from the internet."""
        return not self.internet_gateways and not self.gives_public_addresses


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """One security group; ``public_ingress`` are its inbound rules that let the whole internet in, as text."""

    group_id: str
    vpc_id: str
    public_ingress: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A secret without its value; ``key_id`` names the KMS key that it is under, and is empty for AWS's own.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """

    arn: str
    key_id: str


@dataclass(frozen=True, slots=True)
class BucketEncryption:
    """A bucket's default encryption; ``key_arn`` is empty where no customer key is named."""

    algorithm: str
    key_arn: str


@dataclass(frozen=True, slots=True)
class Need:
    """Actions that somebody needs on one resource; ``passed_to`` is the service that a role is passed to.

    ``conditions`` are further condition keys, with the values that the real request would have.
    """

    actions: tuple[str, ...]
    resource: str = "*"
    passed_to: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Permission:
    """IAM's simulated decision about one action; ``decision`` is IAM's ``EvalDecision``.

    Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
    """

    action: str
    resource: str
    decision: str

    @property
    def is_allowed(self) -> bool:
        """Whether the policies allow it."""
        return self.decision == "allowed"


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    """A bucket's four settings that block public access.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PublicAccessBlockConfiguration.html
    """

    block_public_acls: bool
    ignore_public_acls: bool
    block_public_policy: bool
    restrict_public_buckets: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """The settings that are off."""
        return tuple(name for name in self.__slots__ if not getattr(self, name))


@dataclass(frozen=True, slots=True)
class PemBundle:
    """What is known of EMR's zip of PEM files without keeping any of its keys; ``not_after`` is UTC.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
    """

    uri: str
    files: tuple[str, ...]
    object_encryption: str
    key_bits: int
    key_matches: bool
    names: tuple[str, ...]
    not_after: datetime | None


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """An Elastic Load Balancer that Druid's address leads to; ``open_listeners`` neither speak TLS nor redirect to it.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Listener.html
    """

    dns_name: str
    open_listeners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterInstance:
    """One EC2 instance of a cluster, as ListInstances tells.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_Instance.html
    """

    instance_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Volume:
    """One EBS volume that is attached to an instance; ``key_arn`` is empty where it is not encrypted.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Volume.html
    """

    volume_id: str
    instance_id: str
    device: str
    is_encrypted: bool
    key_arn: str


@dataclass(frozen=True, slots=True)
class LiveCluster:
    """What DescribeCluster says of a cluster's protection, and the stored text of its security configuration.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_Cluster.html
    """

    cluster_id: str
    configuration_name: str
    configuration: Mapping[str, Any] | None
    realm: str
    log_uri: str
    log_key_arn: str
    release_label: str
    subnet_id: str
    group_ids: tuple[str, ...]
