"""What posture asks of the emulated account beyond moto."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from moto.emr.exceptions import InvalidRequestException

from druid_reindex.sandbox.aws import protection
from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.emr.model import ClusterState
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from posture_facts import DOCUMENT, PHI


def cluster(name: str = "", state: ClusterState = ClusterState.WAITING) -> Any:
    node = SimpleNamespace(ec2_id="i-0000000000000000a")
    return SimpleNamespace(
        state=state, instances=[node], request={"SecurityConfiguration": name}, availability_zone="us-east-1a",
        timeline=SimpleNamespace(created=None),
    )  # fmt: skip


@pytest.fixture
def emr(monkeypatch: pytest.MonkeyPatch) -> Any:
    stored = SimpleNamespace(security_configuration=json.dumps(DOCUMENT))
    backend = SimpleNamespace(flows={}, security_configurations={"secured": stored})
    monkeypatch.setattr(protection, "_emr", lambda: backend)
    return backend


def described(**filters: Any) -> list[Any]:
    ec2: Any = SimpleNamespace(volumes={})
    return protection._describe_volumes(ec2, **filters)


def test_volumes_are_encrypted_where_the_configuration_says_so(emr: Any) -> None:
    emr.flows = {"j-1": cluster("secured")}
    root, data = described(filters={"attachment.instance-id": ["i-0000000000000000a"]})
    assert (root.encrypted, root.kms_key_id, root.attachment.device) == (True, PHI.disk_key_arn, "/dev/xvda")
    assert data.attachment.device == "/dev/sdb"
    assert described(volume_ids=[root.id])[0].id == root.id
    emr.flows = {"j-1": cluster()}
    assert [(each.encrypted, each.kms_key_id) for each in described()] == [(False, None)] * 2


def test_another_instance_and_a_cluster_that_has_ended_have_none(emr: Any) -> None:
    emr.flows = {"j-1": cluster("secured")}
    assert described(filters={"attachment.instance-id": ["i-other"]}) == []
    emr.flows = {"j-1": cluster("secured", ClusterState.TERMINATED)}
    assert described() == []


def test_a_releases_applications(emr: Any) -> None:
    found = protection.describe_release_label(emr, {"ReleaseLabel": "emr-7.2.0"})
    assert found["Applications"] == [{"Name": "Hadoop", "Version": "3.3.6"}]
    with pytest.raises(InvalidRequestException):
        protection.describe_release_label(emr, {"ReleaseLabel": "emr-1.0.0"})


def test_public_access_is_blocked_until_somebody_says_otherwise() -> None:
    emr = EmrBackend(REGION, ACCOUNT)
    for is_blocked in (True, False):
        wanted = {"BlockPublicSecurityGroupRules": is_blocked}
        protection.put_block_public_access(emr, {"BlockPublicAccessConfiguration": wanted})
        told = emr.get_block_public_access_configuration()["block_public_access_configuration"]
        assert told["block_public_security_group_rules"] is is_blocked
    with pytest.raises(InvalidRequestException):
        protection.put_block_public_access(emr, {"BlockPublicAccessConfiguration": {}})
