"""What a read-only look at an AWS account finds, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Who AWS says is asking."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True)
class KmsKey:
    """One KMS key; ``state`` is KMS's ``KeyState``, ``manager`` its ``KeyManager`` (CUSTOMER or AWS).

    Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html
    """

    arn: str
    state: str
    manager: str
    spec: str


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
    """One security group."""

    group_id: str
    vpc_id: str


@dataclass(frozen=True, slots=True)
class BucketEncryption:
    """A bucket's default encryption; ``key_arn`` is empty where no customer key is named."""

    algorithm: str
    key_arn: str


@dataclass(frozen=True, slots=True)
class Need:
    """Actions that somebody needs on one resource; ``passed_to`` is the service that a role is passed to."""

    actions: tuple[str, ...]
    resource: str = "*"
    passed_to: str = ""


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
