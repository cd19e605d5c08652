"""The survey on the emulated account: what it reads, and that a spoilt account is told by name."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from druid_reindex.clients.survey_emr import EmrSurvey
from druid_reindex.clients.survey_facts import Gathering, Night
from druid_reindex.errors import ConfigurationError
from druid_reindex.posture.findings import PostureReport, Status
from druid_reindex.posture.judge import judge
from emulated_account import Emulator, instances, state, until
from posture_facts import BOUNDARIES, DOCUMENT, PHI, PIPELINE, PROFILE, RUN, SECURITY, bucket_policy

GROUPS = {
    "EmrManagedMasterSecurityGroup": PHI.network.primary_security_group,
    "EmrManagedSlaveSecurityGroup": PHI.network.core_security_group,
    "ServiceAccessSecurityGroup": PHI.network.service_access_security_group,
}


@pytest.fixture
def session(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.Session(region_name="us-east-1")


@pytest.fixture
def configuration(emr: Any) -> Iterator[str]:
    """A stored security configuration, the one that is intended."""
    name = f"druid-reindex-{uuid.uuid4().hex}"
    emr.create_security_configuration(Name=name, SecurityConfiguration=json.dumps(DOCUMENT))
    yield name
    emr.delete_security_configuration(Name=name)


def surveyed(session: boto3.Session, name: str) -> PostureReport:
    night = Night(PIPELINE, BOUNDARIES, PROFILE, replace(SECURITY, name=name, secret_ids=(PHI.metadata_secret_id,)))
    return judge(Gathering(night, night.intent(RUN), session, _no_druid).facts())


def _no_druid() -> Any:
    raise ConfigurationError("find Druid", resource="the environment", came_back="not asked here", remedy="none")


def of(report: PostureReport, rule: str) -> set[Status]:
    return {each.status for each in report.findings if each.rule == rule}


def test_every_fact_of_the_account_can_be_read(session: boto3.Session, configuration: str) -> None:
    report = surveyed(session, configuration)
    unread = {each.rule for each in report.closing if each.status is Status.UNKNOWN}
    assert {rule for rule in unread if not rule.startswith("DRU")} == {"EMR-19"}  # Druid's release is one of its facts
    held = ("KMS-01", "KMS-03", "KMS-08", "EMR-01", "EMR-02", "EMR-04", "EMR-05", "EMR-07", "EMR-09", "EMR-12",
            "EMR-13", "EMR-15", "EMR-16", "EMR-17", "EMR-29", "EMR-30", "S3-03", "S3-14")  # fmt: skip
    assert {rule: of(report, rule) for rule in held if of(report, rule) != {Status.PASS}} == {}


def test_a_bucket_is_judged_by_its_own_policy_and_settings(session: boto3.Session, s3: Any) -> None:
    bucket = f"drx-phi-{BOUNDARIES.phi.kms_key_arn.split(':')[4]}"
    before = surveyed(session, "druid-reindex-absent")
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    kept = _policy(s3, bucket)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(bucket_policy(bucket)))
    try:
        after = {each.rule for each in surveyed(session, "druid-reindex-absent").findings
                 if each.resource == f"s3://{bucket}" and each.status is Status.PASS}  # fmt: skip
    finally:
        _restore(s3, bucket, kept)
    assert after == {"S3-01", "S3-03", "S3-04", "S3-06", "S3-14"}
    assert of(before, "EMR-01") == {Status.PASS}  # none of this name yet: the night would make it


def _policy(s3: Any, bucket: str) -> str | None:
    try:
        return str(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    except s3.exceptions.ClientError:
        return None


def _restore(s3: Any, bucket: str, policy: str | None) -> None:
    if policy is None:
        s3.delete_bucket_policy(Bucket=bucket)
    else:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def test_what_the_account_lacks_is_told_by_name(session: boto3.Session, emulator: Emulator, configuration: str) -> None:
    ec2, emr = emulator.client("ec2"), emulator.client("emr")
    group = PHI.network.core_security_group
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
    ec2.authorize_security_group_ingress(**rule)
    emr.put_block_public_access_configuration(BlockPublicAccessConfiguration={"BlockPublicSecurityGroupRules": False})
    try:
        report = surveyed(session, configuration)
    finally:
        ec2.revoke_security_group_ingress(**rule)
        on = {"BlockPublicSecurityGroupRules": True}
        emr.put_block_public_access_configuration(BlockPublicAccessConfiguration=on)
    assert of(report, "EMR-15") == {Status.PASS, Status.FAIL}
    assert of(report, "EMR-16") == {Status.FAIL}


def test_a_live_clusters_instances_and_volumes(
    session: boto3.Session, emr: Any, configuration: str, launch: Callable[..., str]
) -> None:
    attributes = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "not kept anywhere"}
    clear = launch(Instances=instances())
    cluster_id = launch(
        Instances=instances(**GROUPS), SecurityConfiguration=configuration, KerberosAttributes=attributes
    )
    survey = EmrSurvey(session)
    listed = survey.instances(cluster_id)
    assert len(listed) == 3
    assert all(each.instance_id.startswith("i-") for each in listed)
    attached = survey.volumes([each.instance_id for each in listed])
    assert len(attached) == 6
    assert {(volume.is_encrypted, volume.key_arn) for volume in attached} == {(True, PHI.disk_key_arn)}
    plain = survey.volumes([each.instance_id for each in survey.instances(clear)])
    assert {volume.is_encrypted for volume in plain} == {False}
    live = survey.cluster(cluster_id)
    assert (live.configuration_name, live.configuration, live.realm) == (configuration, DOCUMENT, "EC2.INTERNAL")
    assert live.group_ids == tuple(GROUPS.values())
    assert "not kept anywhere" not in repr(live)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    until(lambda: state(emr, cluster_id), "TERMINATED")
    assert survey.volumes([each.instance_id for each in listed]) == ()
