"""What the API shows has the members of botocore's model, and never a password."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from druid_reindex.sandbox.aws.emr import views
from druid_reindex.sandbox.aws.emr.model import BootstrapAction, Cluster, ClusterState
from emulated_clusters import ADDRESS, new_cluster, new_step

MODEL = botocore.session.Session().get_service_model("emr")


@pytest.fixture
def cluster() -> Cluster:
    made = new_cluster("one", address=ADDRESS)
    made.request["LogEncryptionKmsKeyId"] = "a key"
    made.request["KerberosAttributes"] = {"Realm": "R", "KdcAdminPassword": "p", "ADDomainJoinPassword": "q"}
    return made


def unknown(shape_name: str, value: Any) -> set[str]:
    """Return the members of `value`, at every depth, that the shape does not have."""

    def walk(shape: Any, found: Any, path: str) -> set[str]:
        if shape.type_name == "structure" and isinstance(found, dict):
            odd = {f"{path}.{name}" for name in found.keys() - shape.members.keys()}
            known = [name for name in found if name in shape.members]
            return odd.union(*(walk(shape.members[name], found[name], f"{path}.{name}") for name in known))
        if shape.type_name == "list" and isinstance(found, list):
            return set().union(*(walk(shape.member, item, path) for item in found))
        return set()

    return walk(MODEL.shape_for(shape_name), value, shape_name)


def test_views_have_the_members_of_the_model(cluster: Cluster) -> None:
    failed = new_step()
    failed.failure = {"Reason": "Unknown Error.", "Message": "m", "LogFile": "s3://l"}
    shown = {
        "ClusterSummary": views.summary(cluster),
        "Cluster": views.detail(cluster),
        "Step": views.step(failed),
        "Instance": views.instance(cluster, cluster.instances[0]),
        "InstanceGroup": views.instance_group(cluster, cluster.groups[0]),
        "InstanceFleet": views.instance_fleet(cluster, cluster.groups[0]),
        "Command": views.bootstrap_action(BootstrapAction("n", "s3://b/s.sh", ("a",))),
    }
    assert {name: unknown(name, value) for name, value in shown.items()} == {name: set() for name in shown}


def test_passwords_are_left_out_and_the_log_key_is_kept(cluster: Cluster) -> None:
    shown = views.detail(cluster)
    assert shown["KerberosAttributes"] == {"Realm": "R"}
    assert shown["LogEncryptionKmsKeyId"] == "a key"


def test_the_hardware_follows_the_cluster(cluster: Cluster) -> None:
    def group() -> tuple[str, int]:
        shown = views.instance_group(cluster, cluster.groups[0])
        return shown["Status"]["State"], shown["RunningInstanceCount"]

    assert group() == ("PROVISIONING", 0)
    with cluster.changed:
        cluster.move(ClusterState.RUNNING)
        assert group() == ("RUNNING", 1)
        cluster.move(ClusterState.TERMINATED)
    assert group() == ("TERMINATED", 0)


def test_properties_of_a_step_become_an_object() -> None:
    step = new_step()
    step.config["Properties"] = [{"Key": "a", "Value": "1"}, {"Key": "b"}]
    assert views.step(step)["Config"]["Properties"] == {"a": "1", "b": ""}
