"""A live cluster: each node's report, the list of instances, the volumes and the plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from druid_reindex.model.account import ClusterInstance
from druid_reindex.model.node_report import read_report
from druid_reindex.posture.attestation import ExpectedCluster, LiveFacts, counted, judge_cluster
from druid_reindex.posture.catalogue import catalogue
from druid_reindex.posture.exceptions import PostureException
from druid_reindex.posture.facts import Unread
from druid_reindex.posture.findings import Phase, PostureReport, Status
from node_reports import CLUSTER, NODES, body, instances, live, report, volumes
from posture_facts import AT, DOCUMENT, PHI, SECURITY, changed, intended

INTENT = intended()
NONCE = "n0nce"
ONE = NODES[0]
REQUEST = dict(INTENT.request)
EXPECTED = ExpectedCluster(
    cluster_id=CLUSTER, nonce=NONCE, request=REQUEST, security=SECURITY, subnet_ids=INTENT.subnet_ids,
    volume_keys=frozenset({PHI.kms_key_arn}), longest_night_hours=12.0, at=AT,
)  # fmt: skip
LIVE = LiveFacts(live(REQUEST), volumes(*NODES, key=PHI.kms_key_arn))
CERTIFICATE = report(ONE, NONCE)["certificates"][0]
VOLUME = report(ONE, NONCE)["volumes"][0]


def judged(*nodes: str, expected: ExpectedCluster = EXPECTED, aws: LiveFacts = LIVE, **changes: Any) -> PostureReport:
    """The verdict on a cluster whose first node reports with ``changes``."""
    nodes = nodes or NODES
    told = {each: read_report(body(report(each, NONCE, **(changes if each == ONE else {}))), each) for each in nodes}
    return judge_cluster(told, instances(*NODES), expected, aws)


def closing(report_: PostureReport) -> set[tuple[str, str, Status]]:
    return {(each.rule, each.resource, each.status) for each in report_.closing}


def part(name: str, **changes: Any) -> dict[str, Any]:
    return {name: report(ONE, NONCE)[name] | changes}


def test_a_good_cluster_passes_every_rule_on_every_node() -> None:
    found = judged()
    assert found.is_open
    assert found.phase is Phase.POST
    post = {rule for rule, control in catalogue().items() if control.phase is Phase.POST}
    assert {each.rule for each in found.findings} == post
    assert found.verdicts() == dict.fromkeys((CLUSTER, *NODES), Status.PASS)


SPOILT: list[tuple[str, dict[str, Any], Status]] = [
    ("ATT-01", {"nonce": "another"}, Status.FAIL),
    ("ATT-01", {"cluster_id": "j-another"}, Status.FAIL),
    ("ATT-01", {"instance_id": "i-another"}, Status.FAIL),
    ("ATT-01", {"cluster_id": None}, Status.UNKNOWN),
    ("ATT-02", {"volumes": [VOLUME | {"encryption": "none"}]}, Status.FAIL),
    ("ATT-02", {"volumes": [VOLUME | {"encryption": None}]}, Status.UNKNOWN),
    ("ATT-02", {"volumes": None}, Status.UNKNOWN),
    ("ATT-02", {"volumes": []}, Status.UNKNOWN),
    ("ATT-03", {"volumes": [VOLUME | {"encryption": "unavailable"}]}, Status.FAIL),
    ("ATT-03", {"volumes": None}, Status.UNKNOWN),
    ("ATT-04", part("kerberos", authentication="simple"), Status.FAIL),
    ("ATT-04", part("kerberos", realm="ELSEWHERE"), Status.FAIL),
    ("ATT-04", part("kerberos", simple_refused=False), Status.FAIL),
    ("ATT-04", part("kerberos", simple_refused=None), Status.UNKNOWN),
    ("ATT-04", part("kerberos", authentication=None), Status.UNKNOWN),
    ("ATT-05", part("rpc", protection="authentication"), Status.FAIL),
    ("ATT-05", part("rpc", protection=None), Status.UNKNOWN),
    ("ATT-06", part("hdfs", transfer_protection="integrity", encrypt_data_transfer=False), Status.FAIL),
    ("ATT-06", part("hdfs", cipher_suites=""), Status.FAIL),
    ("ATT-06", part("hdfs", cipher_suites=None), Status.UNKNOWN),
    ("ATT-06", part("hdfs", transfer_protection=None, encrypt_data_transfer=None), Status.UNKNOWN),
    ("ATT-07", part("hdfs", http_policy="HTTP_ONLY"), Status.FAIL),
    ("ATT-07", part("hdfs", http_policy=None), Status.UNKNOWN),
    ("ATT-08", part("shuffle", ssl=False), Status.FAIL),
    ("ATT-08", part("shuffle", ssl=None), Status.UNKNOWN),
    ("ATT-09", {"certificates": [CERTIFICATE | {"trusted": False}]}, Status.FAIL),
    ("ATT-09", {"certificates": [CERTIFICATE | {"key_bits": 1024}]}, Status.FAIL),
    ("ATT-09", {"certificates": [CERTIFICATE | {"not_after": "2026-10-06T03:00:00Z"}]}, Status.FAIL),
    ("ATT-09", {"certificates": [CERTIFICATE | {"trusted": None}]}, Status.UNKNOWN),
    ("ATT-09", {"certificates": []}, Status.UNKNOWN),
    ("ATT-09", {"certificates": None}, Status.UNKNOWN),
    ("ATT-10", part("imds", v1_refused=False), Status.FAIL),
    ("ATT-10", part("imds", v1_refused=None), Status.UNKNOWN),
    ("ATT-11", {"release_label": "emr-7.1.0"}, Status.FAIL),
    ("ATT-11", {"release_label": None}, Status.UNKNOWN),
]


@pytest.mark.parametrize(("rule", "changes", "status"), SPOILT, ids=[f"{n}-{each[0]}" for n, each in enumerate(SPOILT)])
def test_what_a_node_says_or_cannot_say_stops_the_night(rule: str, changes: dict[str, Any], status: Status) -> None:
    found = closing(judged(**changes))
    assert (rule, ONE, status) in found
    assert {resource for _, resource, _ in found} == {ONE}


@pytest.mark.parametrize(("device", "is_open"), [("/dev/nvme1n1", True), ("/dev/xvda1", True), ("/dev/xvdz", False)])
def test_ebs_encrypts_what_luks_does_not(device: str, *, is_open: bool) -> None:
    without = [VOLUME | {"encryption": "none", "device": device}]
    assert judged(volumes=without).is_open is is_open
    path = ("EncryptionConfiguration", "AtRestEncryptionConfiguration", "LocalDiskEncryptionConfiguration")
    document = changed(DOCUMENT, *path, "EnableEbsEncryption", to=False)
    luks = replace(EXPECTED, security=replace(SECURITY, document=document))
    aws = replace(LIVE, cluster=live(REQUEST, configuration=document))
    assert closing(judged(expected=luks, aws=aws, volumes=without)) == {("ATT-02", ONE, Status.FAIL)}


def test_a_key_on_a_curve_is_strong_enough() -> None:
    assert judged(certificates=[CERTIFICATE | {"key_bits": 256}]).is_open


def test_every_rule_on_a_node_is_spoilt_above() -> None:
    assert {rule for rule, _, _ in SPOILT} == {rule for rule in catalogue() if rule.startswith("ATT-")}


def test_instances_are_the_denominator() -> None:
    assert closing(judged(ONE)) == {("ATT-01", NODES[1], Status.UNKNOWN)}


def test_an_unreadable_report_is_unknown() -> None:
    told = {ONE: Unread("no JSON"), NODES[1]: read_report(body(report(NODES[1], NONCE)), "x")}
    found = judge_cluster(told, instances(*NODES), EXPECTED, LIVE)
    assert closing(found) == {("ATT-01", ONE, Status.UNKNOWN)}


def test_instances_that_are_gone_do_not_count_and_those_to_come_do() -> None:
    listed = [ClusterInstance("i-1", "TERMINATED"), ClusterInstance("i-2", "BOOTSTRAPPING"), ClusterInstance("i-3", "")]
    assert counted(listed) == ["i-2", "i-3"]


def test_a_cluster_without_an_instance_is_not_attested() -> None:
    found = judge_cluster({}, [], EXPECTED, LIVE)
    assert closing(found) == {("ATT-01", CLUSTER, Status.UNKNOWN)}


def test_dm_crypt_that_is_missing_is_accepted_by_name_alone() -> None:
    told = {"rule": "ATT-03", "resource": "i-*", "owner": "sandbox", "expires": date(2026, 12, 31)}
    accepted = PostureException.model_validate({**told, "reason": "no dm-crypt in the kernel"})
    expected = replace(EXPECTED, exceptions=(accepted,))
    without = [VOLUME | {"encryption": "unavailable"}]
    assert judged(expected=expected, volumes=without).is_open
    mixed = [*without, VOLUME | {"mount": "/mnt1", "encryption": "none"}]
    assert closing(judged(expected=expected, volumes=mixed)) == {("ATT-02", ONE, Status.FAIL)}
    assert not judged(expected=expected, volumes=None).is_open


@pytest.mark.parametrize(
    ("volume", "status"),
    [({"is_encrypted": False, "key_arn": ""}, Status.FAIL), ({"key_arn": "arn:other"}, Status.FAIL)],
)
def test_a_volume_in_clear_or_with_another_key(volume: dict[str, Any], status: Status) -> None:
    first, *rest = volumes(*NODES, key=PHI.kms_key_arn)
    aws = replace(LIVE, volumes=(replace(first, **volume), *rest))
    assert closing(judged(aws=aws)) == {("EMR-27", ONE, status)}


def test_volumes_that_nobody_shows_are_unknown() -> None:
    only = volumes(NODES[1], key=PHI.kms_key_arn)
    assert closing(judged(aws=replace(LIVE, volumes=only))) == {("EMR-27", ONE, Status.UNKNOWN)}
    unread = {("EMR-27", each, Status.UNKNOWN) for each in NODES}
    assert closing(judged(aws=replace(LIVE, volumes=Unread("denied")))) == unread


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"configuration_name": ""}, "SecurityConfiguration is not set"),
        ({"configuration": {}}, "stored security configuration"),
        ({"realm": "OTHER"}, "realm is OTHER"),
        ({"log_uri": ""}, "LogUri"),
        ({"log_key_arn": ""}, "LogEncryptionKmsKeyId"),
        ({"release_label": "emr-7.1.0"}, "emr-7.1.0"),
        ({"subnet_id": "subnet-x"}, "subnet-x"),
        ({"group_ids": ("sg-x",)}, "sg-x"),
    ],
)
def test_a_cluster_that_is_not_the_planned_one(changes: dict[str, Any], told: str) -> None:
    (failed,) = judged(aws=replace(LIVE, cluster=live(REQUEST, **changes))).closing
    assert (failed.rule, failed.resource) == ("EMR-28", CLUSTER)
    assert told in failed.seen
    (unknown,) = judged(aws=replace(LIVE, cluster=Unread("denied"))).closing
    assert unknown.status is Status.UNKNOWN
