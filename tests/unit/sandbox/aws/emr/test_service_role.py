"""What EMR asks of the account itself, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from druid_reindex.sandbox.aws.emr.model import Cluster
from druid_reindex.sandbox.aws.emr.service_role import EMR, ServiceCalls
from druid_reindex.sandbox.aws.iam.decisions import Outcome
from druid_reindex.sandbox.aws.iam.replay import replay
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from emulated_clusters import new_cluster
from gated_account import Account, allow, gated_account

TRUST = {
    "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": EMR},
    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
}  # fmt: skip
LAUNCH = ["ec2:RunInstances", "ec2:CreateTags", "iam:PassRole", "kms:DescribeKey"]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with gated_account(tmp_path) as made:
        yield made


def cluster(account: Account, *statements: dict[str, Any], trust: dict[str, Any] = TRUST) -> Cluster:
    """A cluster in a subnet, whose service role has these statements."""
    account.role("Service", trust, *statements)
    subnet = ec2_backends[ACCOUNT][REGION].describe_subnets()[0]
    request = {"ServiceRole": "Service", "JobFlowRole": "Node", "Instances": {"Ec2SubnetId": subnet.id}}
    return new_cluster(request={"ReleaseLabel": "emr-7.2.0", **request})


def calls(account: Account, *, enforcing: bool = True) -> ServiceCalls:
    return ServiceCalls(account.records, enforcing)


def test_a_role_with_all_that_a_launch_needs(account: Account) -> None:
    made = cluster(account, allow([*LAUNCH, "ec2:TerminateInstances"]))
    assert calls(account).launch(made) == ""
    calls(account).end(made)
    night = account.night
    assert {each.outcome for each in night.decisions} == {Outcome.ALLOWED}
    asked = {each.request.action for each in night.decisions}
    assert asked == {*LAUNCH, "ec2:TerminateInstances", "sts:AssumeRole"} - {"kms:DescribeKey"}
    assert night.decisions[0].request.principal.service == EMR
    assert all(replay(each, night.deployed).allowed for each in night.decisions)


@pytest.mark.parametrize("missing", ["ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"])
def test_what_the_role_may_not_is_told(account: Account, missing: str) -> None:
    made = cluster(account, allow([action for action in LAUNCH if action != missing]))
    assert f"assumed-role/Service/emr is not authorized to perform: {missing} on" in calls(account).launch(made)


def test_a_network_that_is_not_the_roles_own(account: Account) -> None:
    elsewhere = {"Condition": {"ArnEquals": {"ec2:Vpc": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-elsewhere"}}}
    made = cluster(account, allow(LAUNCH, **elsewhere), allow("iam:PassRole"))
    assert "ec2:RunInstances on resource: " in calls(account).launch(made)
    assert ":subnet/" in calls(account).launch(made)


def test_the_keys_of_logs_and_disks_are_described(account: Account) -> None:
    made = cluster(account, allow(["ec2:*", "iam:PassRole"]))
    made.request["LogEncryptionKmsKeyId"] = account.kms.create_key(
        "", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", [], False
    ).arn
    assert "kms:DescribeKey" in calls(account).launch(made)


def test_a_role_that_does_not_trust_emr(account: Account) -> None:
    made = cluster(account, allow("*"), trust={**TRUST, "Principal": {"Service": "ec2.amazonaws.com"}})
    assert "sts:AssumeRole" in calls(account).launch(made)


def test_observing_nothing_is_refused_and_all_is_kept(account: Account) -> None:
    made = cluster(account, allow("iam:PassRole"))
    assert calls(account, enforcing=False).launch(made) == ""
    assert account.night.decisions[-1].outcome is Outcome.IMPLICIT_DENY


def test_ending_goes_on_without_the_permission(account: Account) -> None:
    calls(account).end(cluster(account, allow(LAUNCH)))
    assert "ec2:TerminateInstances" in account.night.decisions[-1].said
