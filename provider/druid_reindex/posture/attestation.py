"""Judges a live cluster before protected data arrives: each node's own report, its volumes, and the planned request.

EMR's list of instances is the denominator: an instance that has not reported is UNKNOWN, and so is every value that a
node could not read (null in its report).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from druid_reindex.model.account import ClusterInstance, LiveCluster, Volume
from druid_reindex.model.node_report import NodeReport, ReportedVolume
from druid_reindex.posture.exceptions import PostureException
from druid_reindex.posture.facts import Fact, Security, UnreadFactError, known
from druid_reindex.posture.findings import Finding, PostureReport, Status
from druid_reindex.posture.judge import finding, report
from druid_reindex.posture.rules.emr_configuration import at_rest
from druid_reindex.posture.rules.registry import Verdict, fails, holds, judged

_LEAST_RSA_BITS = 2048
# Keys on NIST's curves; the smallest is as strong as RSA of 3072 bits, and TLS agrees on no RSA key of these sizes.
# Source: https://nvlpubs.nist.gov/nistpubs/SpecialPublications/NIST.SP.800-57pt1r5.pdf (table 2)
_CURVE_BITS = {256, 384, 521}
# On Nitro instances EBS volumes and instance stores alike have these names.
# Source: https://docs.aws.amazon.com/ebs/latest/userguide/nvme-ebs-volumes.html
_NVME = "/dev/nvme"
_COUNTED_OUT = {"TERMINATED"}


@dataclass(frozen=True, slots=True)
class ExpectedCluster:
    """What the cluster should be: the ``request`` of its launch, and what its nodes' reports must answer to.

    ``volume_keys`` are the keys that EBS volumes may be encrypted with.
    """

    cluster_id: str
    nonce: str
    request: Mapping[str, Any]
    security: Security
    subnet_ids: tuple[str, ...]
    volume_keys: frozenset[str]
    longest_night_hours: float
    at: datetime
    exceptions: tuple[PostureException, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What AWS says of the live cluster."""

    cluster: Fact[LiveCluster]
    volumes: Fact[tuple[Volume, ...]]


def counted(instances: Iterable[ClusterInstance]) -> list[str]:
    """The ids of the instances that must be attested: all but those that are gone."""
    return [each.instance_id for each in instances if each.state not in _COUNTED_OUT]


def judge_cluster(
    reports: Mapping[str, Fact[NodeReport]],
    instances: Sequence[ClusterInstance],
    expected: ExpectedCluster,
    live: LiveFacts,
) -> PostureReport:
    """What the reports say of each instance, and AWS of the cluster and of each instance's volumes."""
    ids = counted(instances)
    make = partial(_finding, expected)
    findings = [make("EMR-28", expected.cluster_id, partial(_planned, live, expected))]
    if not ids:
        findings.append(make("ATT-01", expected.cluster_id, _no_instance))
    for instance_id in ids:
        findings.append(make("EMR-27", instance_id, partial(_volumes, live, instance_id, expected)))
        findings += _of_node(instance_id, reports.get(instance_id), expected, live)
    return report(expected.cluster_id, expected.at, findings)


def _of_node(
    instance_id: str, told: Fact[NodeReport] | None, expected: ExpectedCluster, live: LiveFacts
) -> list[Finding]:
    """All findings about one node; only that it has not reported, where it has not."""
    reported = _finding(expected, "ATT-01", instance_id, partial(_reported, told, instance_id, expected))
    if reported.status is not Status.PASS or not isinstance(told, NodeReport):
        return [reported]
    return [reported, *(_finding(expected, rule, place, judge) for rule, place, judge in _rules(told, expected, live))]


def _rules(told: NodeReport, expected: ExpectedCluster, live: LiveFacts) -> Iterator[tuple[str, str, Any]]:
    node = told.instance_id
    yield "ATT-02", node, lambda: _encrypted_disks(told, expected, live)
    yield "ATT-03", node, lambda: _dm_crypt(told)
    yield "ATT-04", node, lambda: _kerberos(told, expected)
    yield "ATT-05", node, lambda: _equals("hadoop.rpc.protection", told.rpc.protection, "privacy")
    yield "ATT-06", node, lambda: _transfer(told)
    yield "ATT-07", node, lambda: _equals("dfs.http.policy", told.hdfs.http_policy, "HTTPS_ONLY")
    yield "ATT-08", node, lambda: _is_true("mapreduce.shuffle.ssl.enabled", told.shuffle.ssl)
    yield "ATT-09", node, lambda: _certificates(told, expected)
    yield "ATT-10", node, lambda: _is_true("IMDSv1 refused", told.imds.v1_refused)
    yield "ATT-11", node, lambda: _equals("release", told.release_label, str(expected.request.get("ReleaseLabel")))


def _finding(expected: ExpectedCluster, rule: str, resource: str, judge: Any) -> Finding:
    try:
        verdict = judge()
    except UnreadFactError as unread:
        verdict = Verdict(Status.UNKNOWN, f"could not be read: {unread}")
    return finding(rule, resource, verdict, expected.exceptions)


def _no_instance() -> Verdict:
    raise UnreadFactError("EMR lists no instance of the cluster")


def _reported(told: Fact[NodeReport] | None, instance_id: str, expected: ExpectedCluster) -> Verdict:
    if told is None:
        raise UnreadFactError("the node has not reported")
    found = known(told)
    wanted = {"nonce": expected.nonce, "cluster_id": expected.cluster_id, "instance_id": instance_id}
    other = [name for name, value in wanted.items() if _read(name, getattr(found, name)) != value]
    return judged((f"its report has another {name}" for name in other), f"reported at {found.reported_at:%H:%M:%S} UTC")


def _encrypted_disks(told: NodeReport, expected: ExpectedCluster, live: LiveFacts) -> Verdict:
    """LUKS, or EBS where the configuration asks for its encryption; ``unavailable`` is ATT-03's to judge.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-data-encryption-options.html (EBS encryption
    covers root and storage volumes, NVMe instance stores encrypt by themselves)
    """
    if not _read("volumes", told.volumes):
        raise UnreadFactError("the report names no data volume")
    found = told.volumes or ()
    kinds = {volume.mount: _read(f"encryption of {volume.mount}", volume.encryption) for volume in found}
    clear = [each for each in found if each.encryption == "none" and not _is_on_ebs(each, told, expected, live)]
    if not clear and "unavailable" in kinds.values():
        return Verdict(Status.NOT_APPLICABLE, "the node has no dm-crypt")
    return judged((f"{each.mount} is not encrypted" for each in clear), f"encrypted: {', '.join(sorted(kinds))}")


def _is_on_ebs(volume: ReportedVolume, told: NodeReport, expected: ExpectedCluster, live: LiveFacts) -> bool:
    """Whether the volume lies on EBS, which encrypts it: all that is attached to the node is encrypted."""
    if at_rest(expected.security.document, "LocalDiskEncryptionConfiguration", "EnableEbsEncryption") is not True:
        return False
    mine = [each for each in known(live.volumes) if each.instance_id == told.instance_id]
    device = _read(f"device of {volume.mount}", volume.device)
    is_known = device.startswith(_NVME) or any(each.device and device.startswith(each.device) for each in mine)
    return is_known and bool(mine) and all(each.is_encrypted for each in mine)


def _dm_crypt(told: NodeReport) -> Verdict:
    kinds = {_read(f"encryption of {volume.mount}", volume.encryption) for volume in _read("volumes", told.volumes)}
    return fails("dm-crypt is unavailable") if "unavailable" in kinds else holds("available")


def _kerberos(told: NodeReport, expected: ExpectedCluster) -> Verdict:
    found = told.kerberos
    realm = expected.security.realm
    defects = []
    if _read("authentication", found.authentication) != "kerberos":
        defects.append(f"hadoop.security.authentication is {found.authentication}")
    if _read("realm", found.realm) != realm:
        defects.append(f"its realm is {found.realm}, not {realm or 'named in the request'}")
    if not _read("simple authentication refused", found.simple_refused):
        defects.append("simple authentication is accepted")
    return judged(defects, f"realm {realm}, simple authentication refused")


def _transfer(told: NodeReport) -> Verdict:
    """SASL with privacy or Hadoop's own transfer encryption, and AES for either.

    Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-project-dist/hadoop-hdfs/hdfs-default.xml
    """
    found = told.hdfs
    defects = []
    if found.transfer_protection != "privacy" and not _read("encrypt_data_transfer", found.encrypt_data_transfer):
        defects.append(f"dfs.data.transfer.protection is {found.transfer_protection or 'not set'}")
    if _read("cipher_suites", found.cipher_suites) != "AES/CTR/NoPadding":
        defects.append(f"the cipher suites are {found.cipher_suites or 'not set'}")
    return judged(defects, "encrypted with AES/CTR/NoPadding")


def _certificates(told: NodeReport, expected: ExpectedCluster) -> Verdict:
    if not _read("certificates", told.certificates):
        raise UnreadFactError("the report names no certificate")
    ends = expected.at + timedelta(hours=expected.longest_night_hours)
    defects = []
    for each in told.certificates or ():
        if not _read(f"trust of {each.endpoint}", each.trusted):
            defects.append(f"{each.endpoint} is not trusted")
        bits = _read(f"key of {each.endpoint}", each.key_bits)
        if bits < _LEAST_RSA_BITS and bits not in _CURVE_BITS:
            defects.append(f"{each.endpoint} has a key of {each.key_bits} bits")
        if _read(f"end of {each.endpoint}", each.not_after) < ends:
            defects.append(f"{each.endpoint} expires before the night's end")
    return judged(defects, f"{len(told.certificates or ())} certificates")


def _volumes(live: LiveFacts, instance_id: str, expected: ExpectedCluster) -> Verdict:
    mine = [volume for volume in known(live.volumes) if volume.instance_id == instance_id]
    if not mine:
        raise UnreadFactError("EC2 shows no volume of the instance, not even its root")
    defects = [f"{volume.volume_id} ({volume.device}) is not encrypted" for volume in mine if not volume.is_encrypted]
    defects += [
        f"{volume.volume_id} ({volume.device}) is encrypted with another key"
        for volume in mine
        if volume.is_encrypted and volume.key_arn not in expected.volume_keys
    ]
    return judged(defects, f"{len(mine)} volumes encrypted")


def _planned(live: LiveFacts, expected: ExpectedCluster) -> Verdict:
    found, request = known(live.cluster), expected.request
    instances = request.get("Instances", {})
    wanted = {
        "SecurityConfiguration": (found.configuration_name, expected.security.name),
        "realm": (found.realm, expected.security.realm),
        "LogUri": (found.log_uri.rstrip("/"), str(request.get("LogUri", "")).rstrip("/")),
        "LogEncryptionKmsKeyId": (found.log_key_arn, request.get("LogEncryptionKmsKeyId", "")),
        "ReleaseLabel": (found.release_label, request.get("ReleaseLabel", "")),
    }
    defects = [
        f"{name} is {is_ or 'not set'}, not {planned}" for name, (is_, planned) in wanted.items() if is_ != planned
    ]
    if found.subnet_id not in expected.subnet_ids:
        defects.append(f"its subnet is {found.subnet_id}")
    groups = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup")
    if set(found.group_ids) != {instances.get(name) for name in groups}:
        defects.append(f"its security groups are {', '.join(found.group_ids)}")
    if found.configuration != expected.security.document:
        defects.append("the stored security configuration is not the intended one")
    return judged(defects, "as planned")


def _read(what: str, value: Any) -> Any:
    """The value. Raises UnreadFactError when the node could not read it."""
    if value is None:
        raise UnreadFactError(f"the node could not read: {what}")
    return value


def _equals(what: str, value: str | None, wanted: str) -> Verdict:
    found = _read(what, value)
    return holds(f"{what} is {found}") if found == wanted else fails(f"{what} is {found}, not {wanted}")


def _is_true(what: str, value: bool | None) -> Verdict:
    return holds(f"{what}: true") if _read(what, value) else fails(f"{what}: false")
