"""Every rule before a launch: one case in which it holds, some in which it fails, one in which it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from druid_reindex.model.account import BucketEncryption, LoadBalancer, PublicAccessBlock, SecurityGroup, Subnet
from druid_reindex.model.druid_server import DruidServer, Handshake
from druid_reindex.posture.catalogue import catalogue
from druid_reindex.posture.exceptions import PostureException
from druid_reindex.posture.facts import Facts, Secret, Unread
from druid_reindex.posture.findings import Finding, Phase, Status
from druid_reindex.posture.judge import judge
from druid_reindex.posture.rules import RULES
from druid_reindex.posture.subjects import intent_of
from posture_facts import (
    AT,
    BOUNDARIES,
    DOCUMENT,
    PHI,
    PIPELINE,
    ROLE,
    SECURITY,
    URL,
    bucket_policy,
    bucketed,
    configured,
    druids,
    good_facts,
    keyed,
    kms_key,
    propertied,
    requested,
    used,
)

Spoil = Callable[[Facts], Facts]
GOOD = good_facts()
UNREAD = Unread("AccessDenied")
FIRST = GOOD.buckets[0]
SUBNET = PHI.network.subnet_ids[0]
GROUP = PHI.network.primary_security_group
AT_REST = ("EncryptionConfiguration", "AtRestEncryptionConfiguration")
S3, DISK = (*AT_REST, "S3EncryptionConfiguration"), (*AT_REST, "LocalDiskEncryptionConfiguration")
TLS = ("EncryptionConfiguration", "InTransitEncryptionConfiguration", "TLSCertificateConfiguration")
KERBEROS = ("AuthenticationConfiguration", "KerberosConfiguration")
IMDS = "InstanceMetadataServiceConfiguration"


def statement(number: int, **changes: object) -> dict[str, object]:
    """The good bucket policy with another statement."""
    policy = bucket_policy(FIRST.name)
    policy["Statement"][number] = policy["Statement"][number] | changes
    return policy


def allowing(principal: object, **more: object) -> dict[str, object]:
    """A key policy with one statement."""
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*", **more}]}


def decided(rule: str, decision: str) -> Spoil:
    def spoil(facts: Facts) -> Facts:
        uses = [use for use in facts.key_uses if use.rule == rule]
        told = tuple(replace(each, decision=decision) for use in uses for each in use.permissions)
        return used(facts, rule, permissions=told)

    return spoil


def on_release(label: str, **changes: object) -> Spoil:
    return lambda facts: replace(
        requested(facts, ReleaseLabel=label), release_labels=frozenset({label}), **changes
    )  # fmt: skip


def pem(**changes: object) -> Spoil:
    return lambda facts: replace(facts, pem=replace(facts.pem, **changes))


def subnet(found: object) -> Spoil:
    return lambda facts: replace(facts, subnets={**facts.subnets, SUBNET: found})


def group(found: object) -> Spoil:
    return lambda facts: replace(facts, groups={**facts.groups, GROUP: found})


def placed(**changes: object) -> Spoil:
    return lambda facts: requested(facts, Instances={**facts.intent.request["Instances"], **changes})


def document(*path: str, to: object) -> Spoil:
    return lambda facts: configured(facts, *path, to=to)


FAILS: list[tuple[str, Spoil, str]] = [
    ("S3-01", lambda f: bucketed(f, policy=None), "denies no put"),
    ("S3-01", lambda f: bucketed(f, policy=statement(0, Effect="Allow")), "denies no put"),
    ("S3-01", lambda f: bucketed(f, policy=statement(0, Principal={"AWS": ROLE + "x"})), "denies no put"),
    ("S3-01", lambda f: bucketed(f, policy=statement(0, Resource="arn:aws:s3:::other/*")), "denies no put"),
    ("S3-01", lambda f: bucketed(f, policy=statement(0, Action="s3:GetObject")), "denies no put"),
    ("S3-01", lambda f: bucketed(f, policy=statement(0, Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}})), "denies no put"),  # noqa: E501
    ("S3-01", lambda f: bucketed(f, policy=statement(0, Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms", "aws:username": "x"}})), "denies no put"),  # noqa: E501
    ("S3-03", lambda f: bucketed(f, encryption=BucketEncryption("AES256", "")), "AES256, not arn"),
    ("S3-03", lambda f: bucketed(f, encryption=BucketEncryption("aws:kms", f.intent.data_key)), "not arn"),
    ("S3-03", lambda f: bucketed(f, key=None), "AWS manages"),
    ("S3-03", lambda f: bucketed(f, key=replace(kms_key("k"), manager="AWS")), "AWS manages"),
    ("S3-04", lambda f: bucketed(f, policy=statement(1, Resource=f"arn:aws:s3:::{FIRST.name}/*")), f"on arn:aws:s3:::{FIRST.name}"),  # noqa: E501
    ("S3-04", lambda f: bucketed(f, policy=statement(1, Action="s3:Get*")), "not denied"),
    ("S3-06", lambda f: bucketed(f, public_access_block=None), "no public access block"),
    ("S3-06", lambda f: bucketed(f, public_access_block=PublicAccessBlock(True, True, False, True)), "block_public_policy is off"),  # noqa: E501
    ("S3-06", lambda f: bucketed(f, is_public=True), "public"),
    ("S3-14", lambda f: bucketed(f, region="eu-west-1"), "the bucket is in eu-west-1"),
    ("KMS-01", lambda f: keyed(f, description=replace(kms_key("k"), state="Disabled")), "Disabled"),
    ("KMS-01", lambda f: keyed(f, description=replace(kms_key("k"), manager="AWS")), "managed by AWS"),
    ("KMS-01", lambda f: keyed(f, description=replace(kms_key("k"), spec="RSA_2048")), "RSA_2048"),
    ("KMS-01", lambda f: keyed(f, description=replace(kms_key("k"), usage="SIGN_VERIFY")), "SIGN_VERIFY"),
    ("KMS-03", lambda f: keyed(f, policy=allowing("*")), "allows everybody"),
    ("KMS-03", lambda f: keyed(f, policy=allowing({"AWS": ["*"]}, Condition={"StringEquals": {"kms:ViaService": "s3"}})), "everybody"),  # noqa: E501
    ("KMS-05", decided("KMS-05", "implicitDeny"), "kms:Decrypt (implicitDeny)"),
    ("KMS-05", lambda f: keyed(f, policy={"Statement": []}), "neither the role nor its account"),
    ("KMS-05", lambda f: keyed(f, f.intent.disk_key, policy=allowing({"AWS": "arn:aws:iam::111122223333:root"}, Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})), "neither the role"),  # noqa: E501
    ("KMS-05", lambda f: keyed(f, policy={"Statement": [*allowing({"AWS": "arn:aws:iam::111122223333:root"})["Statement"], {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}]}), "kms:Decrypt (denied"),  # noqa: E501
    ("KMS-06", decided("KMS-06", "explicitDeny"), "kms:CreateGrant (explicitDeny)"),
    ("KMS-07", lambda f: replace(f, key_uses=(*f.key_uses, replace(f.key_uses[0], rule="KMS-07", permissions=()))), "no decision"),  # noqa: E501
    ("KMS-08", lambda f: keyed(f, description=replace(kms_key("k"), deletes_at=AT)), "deleted on 2026-10-06"),
    ("KMS-10", decided("KMS-10", "implicitDeny"), "kms:GenerateDataKey"),
    ("EMR-01", lambda f: replace(f, stored_configuration={}), "says something else"),
    ("EMR-01", lambda f: replace(f, intent=intent_of(PIPELINE, BOUNDARIES, f.intent.request, None)), "no security"),
    ("EMR-02", document(*S3, "EncryptionMode", to="SSE-S3"), "EncryptionMode is SSE-S3"),
    ("EMR-02", document(*S3, "AwsKmsKey", to="arn:other"), "not the data's"),
    ("EMR-02", document("EncryptionConfiguration", "EnableAtRestEncryption", to=False), "not true"),
    ("EMR-02", document(*S3, "Overrides", to=[{"BucketName": "b", "EncryptionMode": "SSE-S3"}]), "override of b"),
    ("EMR-03", document(*DISK, "EncryptionKeyProviderType", to="Custom"), "is Custom"),
    ("EMR-03", document(*DISK, "AwsKmsKey", to="arn:other"), "not the disks'"),
    ("EMR-04", document(*DISK, "EnableEbsEncryption", to=False), "not true"),
    ("EMR-04", on_release("emr-5.23.0"), "has not: EBS encryption"),
    ("EMR-05", document("EncryptionConfiguration", "EnableInTransitEncryption", to=None), "not true"),
    ("EMR-05", document(*TLS, "S3Object", to=None), "S3Object is not set"),
    ("EMR-05", document(*TLS, "CertificateProviderType", to="Own"), "is Own"),
    ("EMR-06", lambda f: replace(f, pem=None), "no PEM bundle"),
    ("EMR-06", pem(files=("privateKey.pem", "certificateChain.pem")), "trustedCertificates.pem"),
    ("EMR-06", pem(object_encryption="AES256"), "AES256"),
    ("EMR-06", pem(key_matches=False), "not its certificate's"),
    ("EMR-06", pem(key_bits=1024), "1024 bits"),
    ("EMR-06", pem(names=("*.example.org",)), "no certificate for *.ec2.internal"),
    ("EMR-06", pem(not_after=AT + timedelta(minutes=1)), "expires"),
    ("EMR-06", pem(not_after=None), "expires"),
    ("EMR-07", document(*KERBEROS, to=None), "not there"),
    ("EMR-07", lambda f: replace(f, intent=replace(f.intent, security=replace(SECURITY, realm="ec2.internal"))), "upper case"),  # noqa: E501
    ("EMR-07", document(*KERBEROS, "ClusterDedicatedKdcConfiguration", "CrossRealmTrustConfiguration", to={"Realm": "EC2.INTERNAL"}), "own"),  # noqa: E501
    ("EMR-09", document(IMDS, "MinimumInstanceMetadataServiceVersion", to=1), "is 1"),
    ("EMR-09", document(IMDS, "HttpPutResponseHopLimit", to=2), "is 2"),
    ("EMR-09", document(IMDS, to=None), "is None"),
    ("EMR-10", lambda f: requested(f, LogUri=""), "not set"),
    ("EMR-11", lambda f: requested(f, LogEncryptionKmsKeyId="arn:other"), "arn:other"),
    ("EMR-11", on_release("emr-6.0.0"), "has not: a KMS key for the log archive"),
    ("EMR-12", subnet(None), "no such subnet"),
    ("EMR-12", subnet(Subnet(SUBNET, "vpc-1", ("igw-1",), gives_public_addresses=False)), "igw-1"),
    ("EMR-12", subnet(Subnet(SUBNET, "vpc-1", (), gives_public_addresses=True)), "public addresses"),
    ("EMR-13", placed(ServiceAccessSecurityGroup=None), "not named"),
    ("EMR-13", placed(EmrManagedSlaveSecurityGroup=GROUP), "one group stands for two"),
    ("EMR-13", group(None), "no such group"),
    ("EMR-13", group(SecurityGroup(GROUP, "vpc-2", ())), "vpc-1, vpc-2"),
    ("EMR-15", group(SecurityGroup(GROUP, "vpc-1", ("tcp 22-22 from 0.0.0.0/0",))), "tcp 22-22"),
    ("EMR-15", group(None), "no such group"),
    ("EMR-16", lambda f: replace(f, block_public_access={}), "is off"),
    ("EMR-16", lambda f: replace(f, block_public_access={"BlockPublicSecurityGroupRules": True, "PermittedPublicSecurityGroupRuleRanges": [{"MinRange": 22}]}), "22-22"),  # noqa: E501
    ("EMR-17", lambda f: replace(f, release_labels=frozenset()), "offers no emr-7.2.0"),
    ("EMR-17", on_release("emr-5.31.0"), "has not: IMDSv2"),
    ("EMR-19", lambda f: druids(f, version="37.0.0"), "no Hadoop ingestion"),
    ("EMR-19", lambda f: replace(f, release_applications={"Hadoop": "2.10.1"}), "2.10.1"),
    ("EMR-19", lambda f: on_release("emr-6.15.0")(druids(f, version="35.0.0")), "Java 8 cannot load"),
    ("EMR-29", lambda f: requested(f, Tags=[{"Key": "db-password", "Value": "x"}]), "Tags[0][db-password]"),
    ("EMR-29", lambda f: requested(f, Steps=[{"Args": ["--password=x"]}]), "Steps[0].Args[0]"),
    ("EMR-29", lambda f: requested(f, Configurations=[{"Properties": {"fs.s3a.access.key": "x", "a": "AKIAIOSFODNN7EXAMPLE"}}]), "Properties.a"),  # noqa: E501
    ("EMR-29", lambda f: requested(f, KerberosAttributes={"KdcAdminPassword": "x"}), "KdcAdminPassword"),
    ("EMR-30", lambda f: replace(f, secrets=(Secret("kdc", exists=False),)), "no such secret"),
    ("DRU-01", lambda f: druids(f, servers=(DruidServer("h:1", "broker", 8082, 8282),)), "plaintext_port 8082"),
    ("DRU-01", lambda f: druids(f, servers=(DruidServer("h:1", "broker", -1, -1),)), "tls_port -1"),
    ("DRU-01", lambda f: druids(f, servers=()), "names no server"),
    ("DRU-02", lambda f: druids(f, handshakes={URL: Handshake(problem="self-signed")}), "self-signed"),
    ("DRU-02", lambda f: druids(f, handshakes={URL: Handshake("TLSv1.1", AT + timedelta(days=99))}), "TLSv1.1"),
    ("DRU-02", lambda f: druids(f, handshakes={URL: Handshake("TLSv1.3", AT + timedelta(days=29))}), "30 days"),
    ("DRU-02", lambda f: druids(f, handshakes={URL: Handshake("TLSv1.3")}), "30 days"),
    ("DRU-03", lambda f: druids(f, answers_strangers={"Broker": True}), "was answered"),
    ("DRU-04", lambda f: propertied(f, druid__auth__authorizers=None), "not set"),
    ("DRU-04", lambda f: propertied(f, druid__auth__authorizer__basic__type="allowAll"), "allows everything"),
    ("DRU-05", lambda f: propertied(f, druid__escalator__type=None), "noop"),
    ("DRU-08", lambda f: propertied(f, druid__storage__sse__type="s3"), "is s3"),
    ("DRU-08", lambda f: propertied(f, druid__storage__sse__kms__keyId=None), "not set"),
    ("DRU-09", lambda f: druids(f, version="37.0.0"), "no Hadoop ingestion"),
    ("DRU-09", lambda f: druids(f, version="34.0.0"), "allowHadoopTaskExecution is false"),
    ("DRU-10", lambda f: druids(f, load_specs=({"type": "local"},)), "local"),
    ("DRU-11", lambda f: druids(f, urls=("http://druid.example.org",)), "not https"),
    ("DRU-11", lambda f: druids(f, load_balancers=(LoadBalancer("lb", ("HTTP 80",)),)), "lb listens on HTTP 80"),
    ("DRU-16", lambda f: propertied(f, druid__coordinator__kill__on="true"), "does not honour"),
    ("DRU-16", lambda f: propertied(druids(f, version="30.0.0"), druid__coordinator__kill__on="true", druid__coordinator__kill__bufferPeriod="PT1H"), "PT1H"),  # noqa: E501
    ("DRU-17", lambda f: propertied(f, druid__indexer__task__hadoopWorkingPath="file:///tmp"), "file:///tmp"),
    ("DRU-17", lambda f: propertied(f, druid__indexer__task__hadoopWorkingPath="s3://elsewhere/tmp"), "elsewhere"),
]  # fmt: skip

UNKNOWNS: dict[str, Spoil] = {
    "S3-01": lambda f: bucketed(f, policy=UNREAD),
    "S3-03": lambda f: bucketed(f, encryption=UNREAD),
    "S3-04": lambda f: bucketed(f, policy=UNREAD),
    "S3-06": lambda f: bucketed(f, is_public=UNREAD),
    "S3-14": lambda f: bucketed(f, region=UNREAD),
    "KMS-01": lambda f: keyed(f, description=UNREAD),
    "KMS-03": lambda f: keyed(f, policy=UNREAD),
    "KMS-05": lambda f: used(f, "KMS-05", permissions=UNREAD),
    "KMS-06": lambda f: used(f, "KMS-06", role=UNREAD),
    "KMS-07": lambda f: replace(f, key_uses=(replace(f.key_uses[0], rule="KMS-07", role=UNREAD),)),
    "KMS-08": lambda f: keyed(f, description=UNREAD),
    "KMS-10": lambda f: used(f, "KMS-10", permissions=UNREAD),
    **{f"EMR-{n:02}": lambda f: replace(f, stored_configuration=UNREAD) for n in (1, 2, 3, 4, 5, 7, 9)},
    "EMR-06": lambda f: replace(f, pem=UNREAD),
    "EMR-12": subnet(UNREAD),
    "EMR-13": group(UNREAD),
    "EMR-15": group(UNREAD),
    "EMR-16": lambda f: replace(f, block_public_access=UNREAD),
    "EMR-17": lambda f: replace(f, release_labels=UNREAD),
    "EMR-19": lambda f: replace(f, release_applications=UNREAD),
    "EMR-30": lambda f: replace(f, secrets=(Secret("kdc", UNREAD),)),
    "DRU-01": lambda f: druids(f, servers=UNREAD),
    "DRU-02": lambda f: druids(f, handshakes={URL: UNREAD}),
    "DRU-03": lambda f: druids(f, answers_strangers={"Broker": UNREAD}),
    **{
        rule: lambda f: druids(f, properties=dict.fromkeys(f.druid.properties, UNREAD))
        for rule in ("DRU-04", "DRU-05", "DRU-08", "DRU-16", "DRU-17")
    },
    "DRU-09": lambda f: druids(f, version=UNREAD),
    "DRU-10": lambda f: druids(f, load_specs=UNREAD),
    "DRU-11": lambda f: druids(f, load_balancers=UNREAD),
}
# What these judge is the night's own request, which needs no reading.
NEVER_UNREAD = {"EMR-10", "EMR-11", "EMR-29"}
PRE = [rule for rule, control in catalogue().items() if control.phase is Phase.PRE]


def found(facts: Facts, rule: str) -> list[Finding]:
    return [each for each in judge(facts).findings if each.rule == rule]


def test_the_tables_know_every_rule() -> None:
    assert set(PRE) == set(RULES)
    assert {rule for rule, _, _ in FAILS} == set(PRE)
    assert set(UNKNOWNS) | NEVER_UNREAD == set(PRE)


@pytest.mark.parametrize("rule", PRE)
def test_a_rule_holds_of_a_good_night(rule: str) -> None:
    wanted = {Status.NOT_APPLICABLE} if rule == "KMS-07" else {Status.PASS}
    assert {each.status for each in found(GOOD, rule)} == wanted


def test_a_good_night_may_go_on() -> None:
    report = judge(GOOD)
    assert report.is_open
    assert not any(each.remedy for each in report.findings)


@pytest.mark.parametrize(("rule", "spoil", "told"), FAILS, ids=[f"{n}-{rule}" for n, (rule, _, _) in enumerate(FAILS)])
def test_a_rule_fails_by_name_and_stops_the_night(rule: str, spoil: Spoil, told: str) -> None:
    facts = spoil(GOOD)
    failed = [each for each in found(facts, rule) if each.status is Status.FAIL]
    assert failed, found(facts, rule)
    assert any(told in each.seen for each in failed), failed
    assert all(each.remedy for each in failed)
    assert not judge(facts).is_open


@pytest.mark.parametrize("rule", UNKNOWNS)
def test_what_cannot_be_read_is_neither_a_pass_nor_a_fail_and_stops_the_night(rule: str) -> None:
    facts = UNKNOWNS[rule](GOOD)
    statuses = {each.status for each in found(facts, rule)}
    assert Status.UNKNOWN in statuses
    assert Status.FAIL not in statuses
    unknown = next(each for each in found(facts, rule) if each.status is Status.UNKNOWN)
    assert "AccessDenied" in unknown.seen
    assert not judge(facts).is_open


def test_a_condition_that_is_not_evaluated_is_unknown() -> None:
    policy = allowing(
        {"AWS": "arn:aws:iam::111122223333:root"}, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    )
    facts = keyed(keyed(GOOD, policy=policy), GOOD.intent.disk_key, policy=policy)
    assert {each.status for each in found(facts, "KMS-05")} == {Status.UNKNOWN}


def test_no_subject_is_no_pass() -> None:
    assert [each.status for each in found(replace(GOOD, buckets=()), "S3-01")] == [Status.UNKNOWN]


def test_a_configuration_that_emr_does_not_have_yet_is_judged_as_it_would_be_made() -> None:
    facts = replace(GOOD, stored_configuration=None)
    assert judge(facts).is_open
    weaker = replace(SECURITY, document={**DOCUMENT, IMDS: {}})
    facts = replace(facts, intent=replace(facts.intent, security=weaker))
    assert {each.rule for each in judge(facts).closing} == {"EMR-09"}


def exception(**changes: object) -> PostureException:
    told = {"rule": "S3-01", "resource": f"s3://{FIRST.name}", "owner": "storage", "expires": date(2026, 12, 31)}
    return PostureException.model_validate({**told, "reason": "the policy comes next week", **changes})


def test_a_named_exception_excuses_its_failure_alone() -> None:
    facts = bucketed(GOOD, policy=None)
    (excepted,) = [each for each in judge(facts, [exception()]).findings if each.status is Status.EXCEPTED]
    assert (excepted.rule, excepted.resource) == ("S3-01", f"s3://{FIRST.name}")
    assert "accepted by storage until 2026-12-31" in excepted.seen
    assert {each.rule for each in judge(facts, [exception()]).closing} == {"S3-04"}
    assert judge(facts, [exception(), exception(rule="S3-04")]).is_open
    assert len(judge(facts, [exception(resource="s3://another")]).closing) == 2


def test_an_exception_does_not_excuse_what_could_not_be_read() -> None:
    assert "S3-01" in {each.rule for each in judge(bucketed(GOOD, policy=UNREAD), [exception()]).closing}


def test_a_secret_that_is_found_is_not_told() -> None:
    facts = requested(GOOD, Steps=[{"Args": ["password=hunter2"]}], Tags=[{"Key": "token", "Value": "s3cr3t"}])
    told = "".join(str(each) for each in judge(facts).findings)
    assert "looks like a secret" in told
    assert "hunter2" not in told
    assert "s3cr3t" not in told
