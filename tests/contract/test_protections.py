"""Each protection of the account turned off, one at a time: the night stops at `posture` and says which.

The account is the emulated one, changed through its API; Druid's facts are documented ones (tests/sandbox has the real
Druid's). What a file may not even say is refused when it is parsed: tests/wrong_security.py.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from druid_reindex.clients import certificates as issuing
from druid_reindex.clients import survey_facts
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections as aws_connections
from druid_reindex.operators.night import NightSettings
from druid_reindex.plan import certificates
from druid_reindex.plan.security import Needed, needed
from druid_reindex.sandbox.aws.service import access_key, airflow_role_arn
from druid_reindex.sandbox.aws.site import REGION
from emr_documents import GONE, changed
from emulated_account import Emulator
from judged_night import JudgedNight, connections
from night_world import SETTINGS
from posture_facts import PHI, good_druid
from protected_account import ARTIFACTS_BUCKET, KDC_SECRET, LOGS_BUCKET, PHI_BUCKET, Owner

NOW = datetime.now(UTC)
Statement = dict[str, Any]
EVERYWHERE = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
EVERYWHERE_6 = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
HALF = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "128.0.0.0/1"}]}
SUBNET = PHI.network.subnet_ids[1]
GENERAL_KEY = SETTINGS.boundaries.general.kms_key_arn


@dataclass(frozen=True)
class Off:
    """A protection that is off: which rules alone close the gate, on which resource, and what they saw."""

    what: str
    rules: str
    resource: str
    seen: str
    turn: Callable[[Owner], AbstractContextManager[None]]


def without(*sids: str) -> Callable[[list[Statement]], list[Statement]]:
    """All statements but those of ``sids``, one of which there must be."""

    def change(statements: list[Statement]) -> list[Statement]:
        return [each for each in statements if each.get("Sid") not in sids]

    return change


def with_one_more(**statement: Any) -> Callable[[list[Statement]], list[Statement]]:
    return lambda statements: [*statements, {"Effect": "Allow", "Principal": "*", **statement}]


def put_by_aes(statements: list[Statement]) -> list[Statement]:
    """S3's own encryption for SSE-KMS in the condition, as the policies of old had it."""
    return json.loads(json.dumps(statements).replace('"aws:kms"', '"AES256"'))  # type: ignore[no-any-return]


def disks_only_through_s3(statements: list[Statement]) -> list[Statement]:
    """LUKS asks KMS through no service: a key that must be used through one opens no disk."""
    narrowed = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    return [
        each | {"Condition": each["Condition"] | narrowed} if each["Sid"] == "OpenLocalDisks" else each
        for each in statements
    ]


def stored(**changes: Any) -> Callable[[Owner], AbstractContextManager[None]]:
    """EMR's security configuration of the intended name, with other content."""

    @contextmanager
    def turn(owner: Owner) -> Iterator[None]:
        wanted = _wanted()
        dotted = {name.replace("__", "."): value for name, value in changes.items()}
        with owner.stored_configuration(wanted.name, changed(wanted.content, dotted)):
            yield

    return turn


def certificate(**changes: Any) -> Callable[[Owner], AbstractContextManager[None]]:
    """Another zip in the place of the period's, issued otherwise than is asked for."""

    @contextmanager
    def turn(owner: Owner) -> Iterator[None]:
        with lying(owner, issued(**changes)):
            yield

    return turn


def repacked(files: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Callable[[Owner], AbstractContextManager[None]]:
    """Another zip in the place of the period's, of other files."""

    @contextmanager
    def turn(owner: Owner) -> Iterator[None]:
        with zipfile.ZipFile(io.BytesIO(issued())) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            for name, content in files(found).items():
                archive.writestr(name, content)
        with lying(owner, body.getvalue()):
            yield

    return turn


def asked() -> certificates.Wanted:
    kind = SETTINGS.pipeline.classification
    return certificates.wanted(SETTINGS.boundaries, kind, SETTINGS.profile.name, NOW)


def issued(*, bits: int = 2048, **changes: Any) -> bytes:
    """A zip for the period with ``changes`` to what is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(issuing, "KEY_BITS", bits)
        return issuing.issue(authority(), replace(asked(), **changes), NOW)


@cache
def authority() -> issuing.Authority:
    return issuing.make_authority("a CA of these tests", NOW)


@contextmanager
def lying(owner: Owner, body: bytes, name: str = "", encryption: str = "aws:kms") -> Iterator[None]:
    """``body`` is the one zip of the period, at the address that its digest makes, or at ``name``."""
    s3, folder = owner.client("s3"), asked().folder
    kept = {}
    for each in s3.list_objects_v2(Bucket=folder.bucket, Prefix=folder.key).get("Contents", []):
        kept[each["Key"]] = s3.get_object(Bucket=folder.bucket, Key=each["Key"])["Body"].read()
        s3.delete_object(Bucket=folder.bucket, Key=each["Key"])
    key = name or asked().uri(sha256(body).hexdigest()).key
    under = {"SSEKMSKeyId": PHI.kms_key_arn} if encryption == "aws:kms" else {}
    s3.put_object(Bucket=folder.bucket, Key=key, Body=body, ServerSideEncryption=encryption, **under)
    try:
        yield
    finally:
        s3.delete_object(Bucket=folder.bucket, Key=key)
        for name_, content in kept.items():
            s3.put_object(Bucket=folder.bucket, Key=name_, Body=content)


@contextmanager
def own_encryption_of_s3(owner: Owner) -> Iterator[None]:
    with lying(owner, issued(), encryption="AES256"):
        yield


def another_key(files: dict[str, bytes]) -> dict[str, bytes]:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return files | {"privateKey.pem": issuing._key_pem(other)}


def _wanted() -> Needed:
    """The security configuration that the night asks for, with the period's zip."""
    assert SETTINGS.security is not None
    return needed(SETTINGS.security, SETTINGS.boundary, S3Uri.parse(ZIP_URI[0]))


ZIP_URI: list[str] = []
OFF = [
    Off("default encryption off", "S3-03", PHI_BUCKET, "AES256", lambda a: a.default_encryption(PHI_BUCKET, None)),
    Off("S3's own keys by default", "S3-03", PHI_BUCKET, "AES256, not arn:aws:kms",
        lambda a: a.default_encryption(PHI_BUCKET, "AES256")),
    Off("another key by default", "S3-03", PHI_BUCKET, GENERAL_KEY,
        lambda a: a.default_encryption(PHI_BUCKET, "aws:kms", GENERAL_KEY)),
    Off("AWS's key by default", "S3-03", ARTIFACTS_BUCKET, "a key that AWS manages",
        lambda a: a.default_encryption(ARTIFACTS_BUCKET, "aws:kms")),
    Off("default encryption of the logs off", "S3-03", LOGS_BUCKET, "AES256",
        lambda a: a.default_encryption(LOGS_BUCKET, None)),
    Off("puts without KMS allowed", "S3-01", PHI_BUCKET, "denies no put",
        lambda a: a.bucket_policy(PHI_BUCKET, without("DenyOtherEncryption"))),
    Off("puts with S3's own keys asked for", "S3-01", LOGS_BUCKET, "denies no put",
        lambda a: a.bucket_policy(LOGS_BUCKET, put_by_aes)),
    Off("plain HTTP allowed", "S3-04", PHI_BUCKET, "plain HTTP is not denied",
        lambda a: a.bucket_policy(PHI_BUCKET, without("DenyPlainHttp"))),
    Off("plain HTTP to artifacts allowed", "S3-04", ARTIFACTS_BUCKET, "plain HTTP is not denied",
        lambda a: a.bucket_policy(ARTIFACTS_BUCKET, without("DenyPlainHttp"))),
    Off("no bucket policy", "S3-01 S3-04", LOGS_BUCKET, "denied",
        lambda a: a.bucket_policy(LOGS_BUCKET, lambda _: [])),
    Off("public access block off", "S3-06", PHI_BUCKET, "no public access block",
        lambda a: a.public_access(PHI_BUCKET)),
    Off("public ACLs not ignored", "S3-06", ARTIFACTS_BUCKET, "ignore_public_acls is off",
        lambda a: a.public_access(ARTIFACTS_BUCKET, IgnorePublicAcls=False)),
    Off("public policy", "S3-06", LOGS_BUCKET, "calls its policy public",
        lambda a: a.bucket_policy(LOGS_BUCKET, with_one_more(Action="s3:GetObject",
                                                             Resource=f"arn:aws:s3:::{LOGS_BUCKET}/*"))),
    Off("disks' key disabled", "KMS-01", PHI.disk_key_arn, "Disabled", lambda a: a.disabled_key(PHI.disk_key_arn)),
    Off("logs' key disabled", "KMS-01", PHI.emr_log_kms_key_arn, "Disabled",
        lambda a: a.disabled_key(PHI.emr_log_kms_key_arn)),
    Off("disks' key about to be deleted", "KMS-01 KMS-08", PHI.disk_key_arn, "deleted on",
        lambda a: a.dying_key(PHI.disk_key_arn)),
    Off("key open to everybody", "KMS-03", PHI.kms_key_arn, "allows everybody",
        lambda a: a.key_policy(PHI.kms_key_arn, with_one_more(Sid="Open", Action="kms:Decrypt", Resource="*"))),
    Off("data key not for clusters", "KMS-05", "data in S3", "kms:Decrypt",
        lambda a: a.role_policy(PHI.emr_instance_profile, without("UseDataKey"))),
    Off("disks' key only through S3", "KMS-05", "local disks", "kms:Decrypt",
        lambda a: a.key_policy(PHI.disk_key_arn, disks_only_through_s3)),
    Off("disks' key not for EBS", "KMS-06", "EBS volumes", "kms:CreateGrant",
        lambda a: a.key_policy(PHI.disk_key_arn, without("GrantVolumesToEc2"))),
    Off("logs' key not for clusters", "KMS-10", "logs", "kms:GenerateDataKey",
        lambda a: a.role_policy(PHI.emr_instance_profile, without("UseLogsKey"))),
    Off("stored: S3's own keys", "EMR-01 EMR-02", "druid-reindex-", "EncryptionMode is SSE-S3",
        stored(S3={"EncryptionMode": "SSE-S3"})),
    Off("stored: disks in clear", "EMR-01 EMR-03 EMR-04", "druid-reindex-", "EncryptionKeyProviderType is None",
        stored(DISK=GONE)),
    Off("stored: root volumes in clear", "EMR-01 EMR-04", "druid-reindex-", "EnableEbsEncryption is not true",
        stored(DISK__EnableEbsEncryption=False)),
    Off("stored: clear between nodes", "EMR-01 EMR-05", "druid-reindex-", "EnableInTransitEncryption is not true",
        stored(ENC__EnableInTransitEncryption=False, ENC__InTransitEncryptionConfiguration=GONE)),
    Off("stored: no Kerberos", "EMR-01 EMR-07", "druid-reindex-", "KerberosConfiguration is not there",
        stored(AuthenticationConfiguration=GONE)),
    Off("stored: IMDSv1", "EMR-01 EMR-09", "druid-reindex-", "MinimumInstanceMetadataServiceVersion is 1",
        stored(IMDS__MinimumInstanceMetadataServiceVersion=1)),
    Off("stored: two hops", "EMR-01 EMR-09", "druid-reindex-", "HttpPutResponseHopLimit is 2",
        stored(IMDS__HttpPutResponseHopLimit=2)),
    Off("stored: tickets for a month", "EMR-01", "druid-reindex-", "says something else",
        stored(KRB__ExternalKdcConfiguration__TicketLifetimeInHours=720)),
    Off("weak key of certificates", "EMR-06", "druid-reindex-", "the key has 1024 bits", certificate(bits=1024)),
    Off("certificate of another name", "EMR-06", "druid-reindex-", "no certificate for *.ec2.internal",
        certificate(domain="*.example.org")),
    Off("certificate that ends tonight", "EMR-06", "druid-reindex-", "expires before the night's end",
        certificate(expires_at=NOW + timedelta(hours=1))),
    Off("expired certificate", "EMR-06", "druid-reindex-", "expires before the night's end",
        certificate(expires_at=NOW - timedelta(minutes=1))),
    Off("another's key", "EMR-06", "druid-reindex-", "the key is not its certificate's", repacked(another_key)),
    Off("no trusted certificates", "EMR-06", "druid-reindex-", "missing at the zip's root: trustedCertificates.pem",
        repacked(lambda files: {name: body for name, body in files.items() if "trusted" not in name})),
    Off("key of certificates under S3's own keys", "EMR-06", "druid-reindex-", "the object's encryption is AES256",
        own_encryption_of_s3),
    Off("subnet with public addresses", "EMR-12", SUBNET, "public addresses at launch",
        lambda a: a.public_addresses(SUBNET)),
    Off("subnet with a route to the internet", "EMR-12", "subnet-", "a route to igw-",
        lambda a: a.internet_route(SUBNET)),
    Off("primary open to everybody", "EMR-15", PHI.network.primary_security_group, "8443-8443 from 0.0.0.0/0",
        lambda a: a.ingress(PHI.network.primary_security_group, EVERYWHERE)),
    Off("core nodes open to everybody on IPv6", "EMR-15", PHI.network.core_security_group, "from ::/0",
        lambda a: a.ingress(PHI.network.core_security_group, EVERYWHERE_6)),
    Off("service access open to half of the world", "EMR-15", PHI.network.service_access_security_group,
        "22-22 from 128.0.0.0/1", lambda a: a.ingress(PHI.network.service_access_security_group, HALF)),
    Off("EMR's block of public access off", "EMR-16", "EMR in", "BlockPublicSecurityGroupRules is off",
        lambda a: a.block_public_access(BlockPublicSecurityGroupRules=False)),
    Off("port 22 excepted from it", "EMR-16", "EMR in", "ports 22-22 are excepted",
        lambda a: a.block_public_access(PermittedPublicSecurityGroupRuleRanges=[{"MinRange": 22, "MaxRange": 22}])),
    Off("secret of the KDC deleted", "EMR-30", KDC_SECRET, "no such secret", lambda a: a.deleted_secret(KDC_SECRET)),
]  # fmt: skip


@pytest.fixture(scope="module")
def owner(emulator: Emulator) -> Owner:
    return Owner(emulator.client)


@pytest.fixture(scope="module")
def night(emulator: Emulator) -> Iterator[Callable[[], JudgedNight]]:
    """Nights of the shipped pipeline by Airflow's own connections; of Druid the documentation's facts are known."""
    key = access_key(emulator.home, "airflow")
    extra = {"region_name": REGION, "role_arn": airflow_role_arn("phi")}
    aws = {"conn_type": "aws", "login": key.id, "password": key.secret, "extra": extra}
    with (
        pytest.MonkeyPatch.context() as patch,
        connections(emulator.environment, {"AIRFLOW_CONN_AWS_PHI": json.dumps(aws)}),
    ):
        patch.setattr(survey_facts.Gathering, "_druid", lambda _self: good_druid())
        patch.setattr(aws_connections, "aws_session", cache(aws_connections.aws_session))  # making one takes a second
        yield lambda: JudgedNight(SETTINGS, emulator.client)


@pytest.fixture(scope="module")
def protected(night: Callable[[], JudgedNight]) -> None:
    """A night of the account as it is goes on; it has made the period's certificates."""
    first = night()
    assert first.posture() == ""
    assert first.closing("posture.json") == []
    folder = asked().folder
    (made,) = first.client("s3").list_objects_v2(Bucket=folder.bucket, Prefix=folder.key)["Contents"]
    ZIP_URI.append(f"s3://{folder.bucket}/{made['Key']}")


@pytest.mark.usefixtures("protected")
@pytest.mark.parametrize("off", OFF, ids=lambda off: off.what)
def test_the_night_stops_before_anything_is_launched(night: Callable[[], JudgedNight], owner: Owner, off: Off) -> None:
    run = night()
    before = run.segment_objects()
    with off.turn(owner):
        told = run.posture()
    closing = run.closing("posture.json")
    assert sorted({each["rule"] for each in closing}) == off.rules.split(), told
    assert any(off.resource in each["resource"] and off.seen in each["seen"] for each in closing), closing
    for each in closing:
        assert each["rule"] in told
        assert each["remedy"] in told
    assert "What to do" in told
    assert run.clusters() == []
    assert run.segment_objects() == before


def of_profile(**changes: Any) -> NightSettings:
    return replace(SETTINGS, profile=SETTINGS.profile.model_copy(update=changes))


def of_network(**changes: Any) -> NightSettings:
    phi = PHI.model_copy(update={"network": PHI.network.model_copy(update=changes)})
    return replace(SETTINGS, boundaries=SETTINGS.boundaries.model_copy(update={"phi": phi}))


@pytest.mark.usefixtures("protected")
@pytest.mark.parametrize(
    ("settings", "rules", "seen"),
    [
        (of_profile(release_label="emr-7.99.0"), "EMR-17 EMR-19", "EMR offers no emr-7.99.0"),
        (of_profile(release_label="emr-5.31.0"), "EMR-17 EMR-19", "emr-5.31.0"),
        (of_network(subnet_ids=(SUBNET, "subnet-0d7000000000dead")), "EMR-12", "there is no such subnet"),
        (of_network(core_security_group="sg-0d7000000000dead"), "EMR-13 EMR-15", "no such group: sg-0d7000000000dead"),
    ],
    ids=["a release that EMR does not offer", "a release too old", "no such subnet", "no such security group"],
)
def test_what_a_night_would_launch_in_vain_stops_it(
    night: Callable[[], JudgedNight], settings: NightSettings, rules: str, seen: str
) -> None:
    run = replace(night(), settings=settings)
    told = run.posture()
    closing = run.closing("posture.json")
    assert sorted({each["rule"] for each in closing}) == rules.split(), told
    assert any(seen in each["seen"] for each in closing), closing
    assert run.clusters() == []


@pytest.mark.usefixtures("protected")
@pytest.mark.parametrize(
    ("turn", "state"), [(Owner.disabled_key, "is disabled"), (Owner.dying_key, "is pending deletion")]
)
def test_without_the_data_key_not_even_a_report_can_be_kept(
    night: Callable[[], JudgedNight], owner: Owner, turn: Callable[..., AbstractContextManager[None]], state: str
) -> None:
    run = night()
    with turn(owner, PHI.kms_key_arn):
        told = run.posture()
    assert f"{PHI.kms_key_arn} {state}" in told
    assert "What to do: enable the KMS key or cancel its deletion" in told
    assert run.clusters() == []


@pytest.mark.usefixtures("protected")
def test_certificates_that_somebody_changed_are_not_used(night: Callable[[], JudgedNight], owner: Owner) -> None:
    run = night()
    with lying(owner, issued(), name=ZIP_URI[0].removeprefix(f"s3://{PHI_BUCKET}/")):
        told = run.posture()
    assert f"read a cluster's certificates on {ZIP_URI[0]}" in told
    assert "not the one in its name" in told
    assert run.clusters() == []
