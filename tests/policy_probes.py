"""A request that each Deny of the shipped policies is there to refuse, though another policy allowed it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from druid_reindex.sandbox.aws.account import key_arn
from druid_reindex.sandbox.aws.gate.authorisation import RESOURCE_POLICY
from druid_reindex.sandbox.aws.iam.decisions import Decision, Kind, Outcome, Request
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.iam.replay import Deployed, Recorded, replay, without
from druid_reindex.sandbox.aws.site import ACCOUNT

GOOD = {"aws:securetransport": ("true",), "s3:tlsversion": ("1.3",)}
SSE, SSE_KEY = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
OTHER_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/99999999-9999-4999-8999-999999999999"
UNDER_KMS = ("drx-phi", "drx-general", "drx-artifacts", "drx-logs", "drx-evidence")
BUCKETS = (*UNDER_KMS, "drx-phi-replica", "drx-access-logs", "drx-trail")
CLUSTER = f"arn:aws:elasticmapreduce:us-east-1:{ACCOUNT}:cluster/j-PROBE"
CLASSIFICATION = "elasticmapreduce:resourcetag/druid-reindex:classification"
# Who acts on a bucket in a probe that is about the request, not about who sends it.
ANYBODY = "DrxAirflowPhi"


@dataclass(frozen=True)
class Probe:
    """A request, and the Denies that refuse it: each by itself, and nothing else.

    `is_granted` says that a KMS grant allows it, as a grant needs no policy; else a policy that allows everything is
    added to the role's.
    """

    denies: tuple[str, ...]
    role: str
    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]]
    is_granted: bool = False

    def __str__(self) -> str:
        return f"{self.role} {self.action} {' '.join(self.denies)}"

    def decision(self, of: Deployed, gone: Collection[tuple[str, str]]) -> Decision:
        """The decision without the statements `gone`, each of them owner and id."""
        for owner, statement in gone:
            of = without(of, statement, owner)
        arn = f"arn:aws:iam::{ACCOUNT}:role/{self.role}"
        everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        of = {**of, arn: {**of[arn], "another": json.dumps(everything)}}
        session = Principal(f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.role}/probe", arn, ACCOUNT)
        context = {**GOOD, "aws:principalarn": (arn,), **self.context}
        request = Request(session, self.action, self.resource, context)
        owner = self.resource.partition("/")[0] if self.action.startswith("s3:") else self.resource
        grants = ("grant/probe",) if self.is_granted else ()
        kind = Kind.NECESSARY if self.is_granted else Kind.SUFFICIENT
        has_policy = RESOURCE_POLICY in of.get(owner, {})
        return replay(Recorded("probe", request, Outcome.ALLOWED, owner if has_policy else "", kind, grants=grants), of)


def probes() -> Iterator[Probe]:
    """One or more for each Deny."""
    for bucket in BUCKETS:
        arn = f"arn:aws:s3:::{bucket}-{ACCOUNT}/x"
        yield Probe((f"bucket {bucket}/DenyPlainHttp",), ANYBODY, "s3:GetObject", arn, _PLAIN)
        yield Probe((f"bucket {bucket}/DenyOldTls",), ANYBODY, "s3:GetObject", arn, {"s3:tlsversion": ("1.1",)})
    for bucket in UNDER_KMS:
        arn = f"arn:aws:s3:::{bucket}-{ACCOUNT}/x"
        for deny, context in _PUTS.items():
            yield Probe((f"bucket {bucket}/{deny}",), ANYBODY, "s3:PutObject", arn, context)
    for policy, role in (("airflow_general", "DrxAirflowGeneral"), ("cluster_general", "DrxEmrEc2General")):
        yield from _other_side(policy, role)
    own = ("airflow_general/DenyProtectedClusters",)
    protected = {CLASSIFICATION: ("phi",)}
    yield Probe(own, "DrxAirflowGeneral", "elasticmapreduce:TerminateJobFlows", CLUSTER, protected)
    role = f"arn:aws:iam::{ACCOUNT}:role/DrxEmrEc2Phi"
    passed = {"iam:passedtoservice": ("ec2.amazonaws.com",)}
    yield Probe(("airflow_general/DenyProtectedRole",), "DrxAirflowGeneral", "iam:PassRole", role, passed)
    for side in ("phi", "general"):
        segment = f"arn:aws:s3:::drx-{side}-{ACCOUNT}/druid/segments/x/index.zip"
        yield Probe(("auditor/DenyData",), "DrxAuditor", "s3:GetObject", segment, {})


def _other_side(policy: str, role: str) -> Iterator[Probe]:
    """Who works on general data is refused protected data by policies of its own and by those of the data."""
    for bucket in ("drx-phi", "drx-phi-replica"):
        denies = (f"{policy}/DenyProtectedData", f"bucket {bucket}/DenyTheOtherSide")
        yield Probe(denies, role, "s3:GetObject", f"arn:aws:s3:::{bucket}-{ACCOUNT}/druid/segments/x/index.zip", {})
    for key in ("PhiKey", "PhiDisksKey"):
        denies = (f"{policy}/DenyProtectedKeys", f"key {key}/DenyTheOtherSide")
        yield Probe(denies, role, "kms:Decrypt", key_arn(key), {}, is_granted=True)


_PLAIN = {"aws:securetransport": ("false",), "s3:tlsversion": ()}
_PUTS = {
    "DenyOtherEncryption": {SSE: ("AES256",)},
    "DenyOtherKeys": {SSE: ("aws:kms",), SSE_KEY: (OTHER_KEY,)},
    "DenyAwsManagedKey": {SSE: ("aws:kms",)},
}
