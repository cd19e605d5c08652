"""An account that `doctor` looks at, answered from memory: all is good, but for what a test takes away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from druid_reindex.errors import NotAuthorizedError
from druid_reindex.model.account import (
    BucketEncryption,
    CallerIdentity,
    KeptSecret,
    KmsKey,
    Need,
    Permission,
    SecurityGroup,
    Subnet,
)
from druid_reindex.model.config_files import load_boundaries

ROOT = Path(__file__).parents[1]
BOUNDARIES = load_boundaries(ROOT / "emr_configs")
PHI = BOUNDARIES.phi
USER = "arn:aws:iam::111122223333:user/airflow"
ROLE = "arn:aws:iam::111122223333:role/"
KDC = "druid-reindex/kdc"
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:druid-reindex/"
SECRETS_KEY = "arn:aws:kms:us-east-1:111122223333:key/66666666-6666-4666-8666-666666666666"


@dataclass
class Account:
    """An account in which all is good, but for what a test takes away."""

    caller: str = USER
    denied: set[str] = field(default_factory=set)
    asked: list[tuple[str, Need]] = field(default_factory=list)
    key_arn: str = PHI.kms_key_arn
    disabled: set[str] = field(default_factory=set)
    vpc_tenancy: str = "default"
    secrets: dict[str, KeptSecret] = field(default_factory=lambda: {KDC: KeptSecret(SECRET + "kdc-Ab1", SECRETS_KEY)})

    def identity(self) -> CallerIdentity:
        if not self.caller:
            raise NotAuthorizedError("ask who we are", resource="STS", came_back="no credentials", remedy="give some")
        return CallerIdentity("111122223333", self.caller)

    def principal(self, identity: CallerIdentity) -> str:
        return identity.arn

    def role(self, name: str) -> str:
        return ROLE + name

    def role_of_instance_profile(self, name: str) -> str:
        return ROLE + name

    def permissions(self, principal: str, needs: Iterable[Need]) -> list[Permission]:
        needs = list(needs)
        self.asked += [(principal, need) for need in needs]
        return [
            Permission(action, need.resource, "implicitDeny" if action in self.denied else "allowed")
            for need in needs
            for action in need.actions
        ]

    def key(self, key_id: str) -> KmsKey:
        state = "Disabled" if key_id in self.disabled else "Enabled"
        return KmsKey(key_id, state, "CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")

    def secret(self, secret_id: str) -> KeptSecret | None:
        return self.secrets.get(secret_id)

    def tenancies(self, vpc_ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(vpc_ids, self.vpc_tenancy)

    def subnets(self, ids: Sequence[str]) -> list[Subnet]:
        return [Subnet(each, "vpc-1", (), gives_public_addresses=False) for each in ids]

    def security_groups(self, ids: Sequence[str]) -> list[SecurityGroup]:
        return [SecurityGroup(each, "vpc-1", ()) for each in ids]

    def bucket_encryption(self, bucket: str) -> BucketEncryption:
        return BucketEncryption("aws:kms", PHI.emr_log_kms_key_arn if "logs" in bucket else self.key_arn)
