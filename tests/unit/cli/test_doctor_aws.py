"""The looks at the account: who asks, and each thing that the boundary names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from druid_reindex.cli.doctor_aws import IDENTITY, Night, aws_checks
from druid_reindex.cli.doctor_report import Line, Mark, examine
from druid_reindex.errors import NotAuthorizedError
from druid_reindex.model.account import (
    BucketEncryption,
    CallerIdentity,
    KmsKey,
    Need,
    Permission,
    SecurityGroup,
    Subnet,
)
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.pipeline_file import load_pipeline

ROOT = Path(__file__).parents[3]
BOUNDARIES = load_boundaries(ROOT / "emr_configs")
PHI = BOUNDARIES.phi
USER = "arn:aws:iam::111122223333:user/airflow"
ROLE = "arn:aws:iam::111122223333:role/"


@dataclass
class Account:
    """An account in which all is good, but for what a test takes away."""

    caller: str = USER
    denied: set[str] = field(default_factory=set)
    asked: list[tuple[str, Need]] = field(default_factory=list)
    key_arn: str = PHI.kms_key_arn

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
        return KmsKey(key_id, "Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")

    def subnets(self, ids: Sequence[str]) -> list[Subnet]:
        return [Subnet(each, "vpc-1", (), gives_public_addresses=False) for each in ids]

    def security_groups(self, ids: Sequence[str]) -> list[SecurityGroup]:
        return [SecurityGroup(each, "vpc-1", ()) for each in ids]

    def bucket_encryption(self, bucket: str) -> BucketEncryption:
        return BucketEncryption("aws:kms", PHI.emr_log_kms_key_arn if "logs" in bucket else self.key_arn)


def looked(account: Account, principal: str | None = None) -> dict[str, Line]:
    pipeline = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", BOUNDARIES)
    night = Night(pipeline, load_profile(ROOT / "emr_configs", "small"), BOUNDARIES, principal)
    vars(night)["survey"] = account
    vars(night)["session"] = None
    checks = [check for check in aws_checks(night) if check.name != "artifacts"]
    return {line.name: line for line in examine(checks, lambda _name: None)}


def test_all_is_good() -> None:
    account = Account()
    lines = looked(account)
    assert {line.outcome.mark for line in lines.values()} == {Mark.GOOD}
    passed = {(need.resource, need.passed_to) for _, need in account.asked if need.passed_to}
    assert passed == {
        (ROLE + "DrxEmrService", "elasticmapreduce.amazonaws.com"),
        (ROLE + "DrxEmrEc2Phi", "ec2.amazonaws.com"),
    }
    assert {principal for principal, _ in account.asked} == {USER, ROLE + "DrxEmrEc2Phi"}


def test_without_credentials_nothing_else_is_asked() -> None:
    lines = looked(Account(caller=""))
    assert lines.pop(IDENTITY).outcome.mark is Mark.WRONG
    assert {line.outcome.mark for line in lines.values()} == {Mark.UNREAD}


def test_another_principal_is_judged_in_the_place_of_the_caller() -> None:
    account = Account(denied={"iam:PassRole"})
    lines = looked(account, principal=ROLE + "DrxAirflowPhi")
    assert account.asked[0][0] == ROLE + "DrxAirflowPhi"
    assert lines["IAM of Airflow"].outcome.mark is Mark.WRONG
    assert "iam:PassRole" in lines["IAM of Airflow"].outcome.found
    assert lines["IAM of the clusters"].outcome.mark is Mark.GOOD


def test_a_bucket_with_another_key_is_told() -> None:
    lines = looked(replace(Account(), key_arn="arn:aws:kms:us-east-1:111122223333:key/other"))
    assert lines["buckets"].outcome.mark is Mark.WRONG
