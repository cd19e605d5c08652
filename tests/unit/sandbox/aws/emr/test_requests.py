"""From a RunJobFlow to a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.sandbox.aws import roles
from druid_reindex.sandbox.aws.emr import requests
from emulated_account import instances, request, shell


@pytest.fixture(autouse=True)
def profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "instance_profile_role", lambda profile: f"arn:aws:iam::1:role/{profile}")


def wanted(**changes: Any) -> dict[str, Any]:
    return request(**{"Instances": instances(Ec2SubnetId=None), **changes})


def test_groups_become_instances() -> None:
    cluster = requests.cluster(wanted())
    assert [(group.role, group.count) for group in cluster.groups] == [("MASTER", 1), ("CORE", 2)]
    assert [instance.group_type for instance in cluster.instances] == ["MASTER", "CORE", "CORE"]
    assert cluster.primary.group_type == "MASTER"
    assert cluster.availability_zone == "us-east-1a"


def test_the_short_form_is_one_primary_and_core_nodes() -> None:
    short = {"MasterInstanceType": "m6g.xlarge", "SlaveInstanceType": "r6g.xlarge", "InstanceCount": 3}
    cluster = requests.cluster(wanted(Instances=short))
    assert [(group.instance_type, group.count) for group in cluster.groups] == [("m6g.xlarge", 1), ("r6g.xlarge", 2)]
    alone = requests.cluster(wanted(Instances={"MasterInstanceType": "m6g.xlarge"}))
    assert len(alone.instances) == 1


def test_a_fleet_counts_both_markets() -> None:
    fleet = {
        "InstanceFleetType": "MASTER",
        "TargetSpotCapacity": 2,
        "InstanceTypeConfigs": [{"InstanceType": "m6g.xlarge"}],
    }
    cluster = requests.cluster(wanted(Instances={"InstanceFleets": [fleet]}))
    assert (cluster.is_fleet, cluster.groups[0].market, len(cluster.instances)) == (True, "SPOT", 2)


def test_a_step_without_an_action_terminates_the_cluster() -> None:
    step = {"Name": "s", "HadoopJarStep": shell("true")["HadoopJarStep"]}
    assert requests.steps([step])[0].action_on_failure == "TERMINATE_CLUSTER"


def test_kerberos_passwords_are_not_kept() -> None:
    attributes = {"Realm": "R", "KdcAdminPassword": "a password", "CrossRealmTrustPrincipalPassword": "another"}
    cluster = requests.cluster(wanted(KerberosAttributes=attributes))
    assert cluster.request["KerberosAttributes"] == {"Realm": "R"}
    assert "password" not in repr(cluster)
