"""What EMR itself asks of AWS for a cluster: it becomes the cluster's service role, launches nodes, and ends them.

AWS documents these calls as the permissions of a managed policy, not one by one. Here are those without which there is
no node: each is decided and recorded as any request is. Nothing of EC2 is done.

Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEMRServicePolicy_v2.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html (the resources of RunInstances)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import ec2_backends

from druid_reindex.sandbox.aws.emr.model import Cluster
from druid_reindex.sandbox.aws.gate import authorisation, identities
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.operations import ARNS, Check, Context, Owner
from druid_reindex.sandbox.aws.gate.records import Records
from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

EMR, EC2 = "elasticmapreduce.amazonaws.com", "ec2.amazonaws.com"
SESSION = "emr"
JOB_FLOW = "aws:resourcetag/aws:elasticmapreduce:job-flow-id"
GROUPS = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup")
MADE = ("instance", "network-interface", "volume")
_EC2 = f"arn:{PARTITION}:ec2:{REGION}:{ACCOUNT}:"
_IMAGE = f"arn:{PARTITION}:ec2:{REGION}::image/ami-0d700000000000001"
_SERVICE: Context = {"aws:principalisawsservice": ("true",), "aws:principalservicename": (EMR,)}


@dataclass(frozen=True)
class ServiceCalls:
    """EMR's own calls in one account; observing, none is refused."""

    records: Records
    enforcing: bool

    def launch(self, cluster: Cluster) -> str:
        """Return the sentence of the first refusal on the way to the cluster's nodes; empty when there is none."""
        return self._first_refusal("emr:launch", launching(cluster))

    def end(self, cluster: Cluster) -> None:
        """Record what ending the nodes needs. It is never refused: EMR has another role for that.

        Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEMRCleanupPolicy.html
        """
        self._first_refusal("emr:end", ending(cluster))

    def _first_refusal(self, operation: str, checks: Iterable[tuple[Caller, Check]]) -> str:
        now = datetime.now(UTC)
        about: dict[str, tuple[str, ...]] = {
            "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
            "aws:requestedregion": (REGION,),
            "aws:resourceaccount": (ACCOUNT,),
            "aws:securetransport": ("true",),
        }
        for caller, check in checks:
            judged = authorisation.judge(caller, check, about, operation)
            self.records.keep(judged.recorded, judged.documents)
            if not judged.decision.allowed:
                return judged.recorded.said if self.enforcing else ""
        return ""


def launching(cluster: Cluster) -> Iterator[tuple[Caller, Check]]:
    """Yield who asks for what until the cluster has its nodes."""
    role = _role(cluster)
    trusted = {"aws:sourceaccount": (ACCOUNT,), "aws:sourcearn": (f"{ARNS['cluster']}{cluster.id}",)}
    service = Caller(Principal(service=EMR), context={**_SERVICE, **trusted})
    yield service, Check("sts:AssumeRole", role, {}, Owner.ROLE, role)
    for check in _launches(cluster):
        yield _session(role), check


def ending(cluster: Cluster) -> Iterator[tuple[Caller, Check]]:
    """Yield who asks for what until the nodes are gone."""
    for instance in cluster.instances:
        context = {JOB_FLOW: (cluster.id,)}
        yield _session(_role(cluster)), Check("ec2:TerminateInstances", f"{_EC2}instance/{instance.ec2_id}", context)


def _launches(cluster: Cluster) -> Iterator[Check]:
    for key in _keys(cluster):
        yield Check("kms:DescribeKey", key, {}, Owner.KEY, key)
    yield Check("iam:PassRole", cluster.role_arn, {"iam:passedtoservice": (EC2,)})
    for resource, vpc in _network(cluster.request["Instances"]):
        yield Check("ec2:RunInstances", resource, {"ec2:vpc": (f"{_EC2}vpc/{vpc}",)})
    for resource in (_IMAGE, *(f"{_EC2}{kind}/*" for kind in MADE)):
        yield Check("ec2:RunInstances", resource)
    for kind in MADE:
        yield Check("ec2:CreateTags", f"{_EC2}{kind}/*", {"ec2:createaction": ("RunInstances",)})


def _network(instances: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The ARN of each subnet and security group that the request names, and its VPC."""
    ec2: Any = ec2_backends[ACCOUNT][REGION]
    wanted = {instances.get("Ec2SubnetId"), *instances.get("Ec2SubnetIds", ())}
    for subnet in ec2.describe_subnets():
        if subnet.id in wanted:
            yield f"{_EC2}subnet/{subnet.id}", subnet.vpc_id
    named = {instances.get(name) for name in GROUPS}
    for group in ec2.describe_security_groups():
        if group.id in named:
            yield f"{_EC2}security-group/{group.id}", group.vpc_id


def _keys(cluster: Cluster) -> Iterator[str]:
    """The keys of logs and disks."""
    if key := cluster.request.get("LogEncryptionKmsKeyId"):
        yield key
    at_rest = cluster.security.get("EncryptionConfiguration", {}).get("AtRestEncryptionConfiguration", {})
    if key := at_rest.get("LocalDiskEncryptionConfiguration", {}).get("AwsKmsKey"):
        yield key


def _role(cluster: Cluster) -> str:
    return identities.role_arn(cluster.request["ServiceRole"])


def _session(role: str) -> Caller:
    arn = f"arn:{PARTITION}:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{SESSION}"
    context = {"aws:principalarn": (role,), "aws:principalaccount": (ACCOUNT,), "aws:principaltype": ("AssumedRole",)}
    return Caller(Principal(arn, role, ACCOUNT), context=context)
