"""What must hold of an account before a first night, judged from values alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from druid_reindex.cli.doctor_report import Outcome, good, wrong
from druid_reindex.cli.init import FILL_IN
from druid_reindex.model.account import (
    BucketEncryption,
    CallerIdentity,
    KmsKey,
    Need,
    Permission,
    SecurityGroup,
    Subnet,
)
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.pipeline import Pipeline, Submission
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.plan.emr import INSTALL_DRUID, JOURNALLED_SCRIPT
from druid_reindex.plan.jdbc import PROGRAM
from druid_reindex.plan.jdbc import SCRIPT as JDBC_SCRIPT
from druid_reindex.plan.tokens import SCRIPT as TOKENISE_SCRIPT
from druid_reindex.posture.rules.bucket import encryption_defects
from druid_reindex.posture.rules.key import key_defects
from druid_reindex.posture.rules.network import exposure, several_vpcs

_EMR = "elasticmapreduce"
# RunJobFlow with tags and an auto-termination policy needs the actions that set these, too.
_CLUSTER_ACTIONS = (
    "AddJobFlowSteps",
    "AddTags",
    "CancelSteps",
    "DescribeCluster",
    "DescribeStep",
    "ListSteps",
    "PutAutoTerminationPolicy",
    "SetTerminationProtection",
    "TerminateJobFlows",
)
_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
INDEX_SCRIPT = "bootstrap/druid_index.sh"
EXPORT_SCRIPT = "bootstrap/export.sh"
DRUID_ARCHIVE = "druid/druid-25.0.0.tar.gz"


def filled_in(text: str) -> Outcome:
    """Whether no value of the boundaries file is still marked as the sandbox's."""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if FILL_IN in line]
    if not lines:
        return good("no value is marked FILL IN")
    return wrong(
        f"{len(lines)} values are marked FILL IN, the first in line {lines[0]}",
        "write your account's values into boundaries.yaml and delete the marks",
    )


def same_account(identity: CallerIdentity, boundary: Boundary) -> Outcome:
    """Whether the caller's account is the one of the data key."""
    account = Arn.parse(boundary.kms_key_arn).account
    if identity.account == account:
        return good(f"{account}, {identity.arn}")
    return wrong(
        f"{identity.arn} belongs to {identity.account}, the data key to {account}",
        "take credentials of the data's account, or correct kms_key_arn in boundaries.yaml",
    )


def night_needs(boundaries: Boundaries, boundary: Boundary) -> list[Need]:
    """What Airflow's role must be allowed to do for a night."""
    key = Arn.parse(boundary.kms_key_arn)
    clusters = f"arn:{key.partition}:{_EMR}:{boundaries.region}:{key.account}:cluster/*"
    return [
        Need(tuple(f"{_EMR}:{action}" for action in ("RunJobFlow", "ListClusters"))),
        Need(tuple(f"{_EMR}:{action}" for action in _CLUSTER_ACTIONS), clusters),
        Need(("s3:ListBucket",), f"arn:{key.partition}:s3:::{S3Uri.parse(boundary.runs_uri).bucket}"),
        Need(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), _objects(key, boundary.runs_uri)),
        Need(("s3:GetObject",), _objects(key, boundary.segments_uri)),
        Need(_KEY_ACTIONS, boundary.kms_key_arn),
    ]


def pass_role_needs(service_role_arn: str, cluster_role_arn: str) -> list[Need]:
    """The two roles that RunJobFlow passes on.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-roles.html
    """
    return [
        Need(("iam:PassRole",), service_role_arn, "elasticmapreduce.amazonaws.com"),
        Need(("iam:PassRole",), cluster_role_arn, "ec2.amazonaws.com"),
    ]


def cluster_needs(boundaries: Boundaries, boundary: Boundary) -> list[Need]:
    """What the clusters' role must be allowed to do with the data."""
    key = Arn.parse(boundary.kms_key_arn)
    return [
        Need(("s3:GetObject", "s3:PutObject"), _objects(key, boundary.segments_uri)),
        Need(("s3:GetObject", "s3:PutObject"), _objects(key, boundary.runs_uri)),
        Need(("s3:GetObject",), _objects(key, boundaries.artifacts_uri)),
        Need(_KEY_ACTIONS, boundary.kms_key_arn),
    ]


def allowed(principal: str, permissions: Sequence[Permission]) -> Outcome:
    """Whether IAM would allow all of ``permissions``; none at all is no pass."""
    by_resource: dict[tuple[str, str], list[str]] = {}
    for each in permissions:
        if not each.is_allowed:
            by_resource.setdefault((each.decision, each.resource), []).append(each.action)
    denied = [f"{', '.join(actions)} on {where} ({decision})" for (decision, where), actions in by_resource.items()]
    if permissions and not denied:
        return good(f"{len(permissions)} actions are allowed to {principal}")
    return wrong(
        f"{principal}: {'; '.join(denied) or 'no decision'}",
        "allow it in the role's policies; emr_configs/iam/ has what is needed",
    )


def usable_key(key: KmsKey) -> Outcome:
    """Whether the key can encrypt a night's data: enabled, symmetric, the customer's own."""
    defects = key_defects(key)
    if not defects:
        return good(f"{key.arn} is enabled")
    return wrong(f"{key.arn}: {', '.join(defects)}", "enable it, or name an enabled symmetric key of your own")


def private_subnets(wanted: Sequence[str], found: Sequence[Subnet]) -> Outcome:
    """Whether each subnet exists and is private."""
    missing = sorted(set(wanted) - {subnet.subnet_id for subnet in found})
    exposed = [told for told in map(exposure, found) if told]
    if missing:
        return wrong(f"no such subnet: {', '.join(missing)}", "correct subnet_ids in boundaries.yaml")
    if exposed:
        return wrong("; ".join(exposed), "name subnets without a way to the internet")
    return good(f"{', '.join(wanted)}: private")


def known_groups(wanted: Sequence[str], found: Sequence[SecurityGroup], subnets: Sequence[Subnet]) -> Outcome:
    """Whether each security group exists, in the subnets' VPC."""
    missing = sorted(set(wanted) - {group.group_id for group in found})
    if missing:
        return wrong(f"no such group: {', '.join(missing)}", "correct the security groups in boundaries.yaml")
    if apart := several_vpcs(found, subnets):
        return wrong(apart, "name groups and subnets of one VPC")
    return good(f"{', '.join(wanted)}: in {found[0].vpc_id}")


def encrypted_buckets(wanted: Mapping[str, str], found: Mapping[str, BucketEncryption]) -> Outcome:
    """Whether each bucket's default is SSE-KMS with the wanted key; an empty key means any."""
    defects = encryption_defects(wanted, found)
    if not defects:
        return good(f"SSE-KMS with the boundary's keys on {', '.join(wanted)}")
    return wrong("; ".join(defects), "set the bucket's default encryption to SSE-KMS with that key")


def wanted_artifacts(pipeline: Pipeline, boundaries: Boundaries, profile: ClusterProfile) -> list[S3Uri]:
    """The objects that a cluster of this pipeline reads when it starts."""
    own, paths = [script.path for script in profile.bootstrap], list[str]()
    if pipeline.submit is Submission.EMR_STEP or pipeline.exports:
        paths += [INSTALL_DRUID.path, INDEX_SCRIPT, EXPORT_SCRIPT, DRUID_ARCHIVE, f"{DRUID_ARCHIVE}.sha256"]
    if any(unload.tokens for unload in pipeline.unloads):
        paths.append(TOKENISE_SCRIPT)
    if sources := {unload.jdbc.database for unload in pipeline.unloads if unload.jdbc is not None}:
        databases = boundaries.of(pipeline.classification).databases
        paths += [JDBC_SCRIPT, PROGRAM, *(jar.path for name in sorted(sources) for jar in databases[name].jars)]
    if paths:
        paths.append(JOURNALLED_SCRIPT)
    return [S3Uri.parse(boundaries.artifacts_uri) / path for path in (*own, *paths)]


def present_artifacts(found: Mapping[S3Uri, bool]) -> Outcome:
    """Whether each object is there; a pipeline that needs none is good."""
    missing = [str(uri) for uri, is_there in found.items() if not is_there]
    if missing:
        return wrong(
            f"missing: {', '.join(missing)}", "upload emr_configs/bootstrap/ and Druid's archive with its digest"
        )
    return good(f"{len(found)} objects are there" if found else "this pipeline's clusters read none")


def _objects(key: Arn, uri: str) -> str:
    place = S3Uri.parse(uri)
    return f"arn:{key.partition}:s3:::{place.bucket}/{place.key.rstrip('/') + '/' if place.key else ''}*"
