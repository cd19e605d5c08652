"""The VPC and what lies in it. Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from moto.ec2.models import security_groups, subnets, vpcs

from druid_reindex.sandbox.aws.cloudformation.resources import Made, Wanted, resource

# AWS chooses ids; here they are those of `emr_configs/boundaries.yaml`.
VPC = "vpc-0d70000000000001"
SUBNETS = {"FirstSubnet": "subnet-0d70000000000001", "SecondSubnet": "subnet-0d70000000000002"}
SECURITY_GROUPS = {
    "PrimaryGroup": "sg-0d70000000000001",
    "CoreGroup": "sg-0d70000000000002",
    "ServiceAccessGroup": "sg-0d70000000000003",
}
_RULE = ("IpProtocol", "FromPort", "ToPort")


@resource(
    "AWS::EC2::VPC", "CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"
)  # fmt: skip
def vpc(wanted: Wanted) -> Made:
    """A VPC."""
    ec2, properties = wanted.client("ec2"), wanted.properties
    with _fixed(vpcs, "random_vpc_id", VPC if wanted.logical_id == "Vpc" else None):
        made = ec2.create_vpc(CidrBlock=properties["CidrBlock"], InstanceTenancy=properties["InstanceTenancy"])["Vpc"]
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=made["VpcId"], **{name: {"Value": properties[name]}})
    _tag(ec2, made["VpcId"], properties)
    return Made(made["VpcId"], {"VpcId": made["VpcId"], "CidrBlock": made["CidrBlock"]})


@resource("AWS::EC2::Subnet", "VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "Tags")
def subnet(wanted: Wanted) -> Made:
    """A subnet."""
    ec2 = wanted.client("ec2")
    with _fixed(subnets, "random_subnet_id", SUBNETS.get(wanted.logical_id)):
        made = ec2.create_subnet(**wanted.without("MapPublicIpOnLaunch", "Tags"))["Subnet"]
    public = {"Value": wanted.properties["MapPublicIpOnLaunch"]}
    ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], MapPublicIpOnLaunch=public)
    _tag(ec2, made["SubnetId"], wanted.properties)
    return Made(made["SubnetId"], {"SubnetId": made["SubnetId"], "AvailabilityZone": made["AvailabilityZone"]})


@resource("AWS::EC2::RouteTable", "VpcId", "Tags")
def route_table(wanted: Wanted) -> Made:
    """A route table, with the VPC's own route alone."""
    ec2 = wanted.client("ec2")
    made = str(ec2.create_route_table(VpcId=wanted.properties["VpcId"])["RouteTable"]["RouteTableId"])
    _tag(ec2, made, wanted.properties)
    return Made(made, {"RouteTableId": made})


@resource("AWS::EC2::SubnetRouteTableAssociation")
def route_table_association(wanted: Wanted) -> Made:
    """A subnet's route table."""
    made = str(wanted.client("ec2").associate_route_table(**wanted.properties)["AssociationId"])
    return Made(made, {"Id": made})


@resource(
    "AWS::EC2::SecurityGroup", "GroupName", "GroupDescription", "VpcId", "SecurityGroupIngress", "SecurityGroupEgress"
)
def security_group(wanted: Wanted) -> Made:
    """A security group; one that names its egress loses the rule that lets everything out."""
    ec2, properties = wanted.client("ec2"), wanted.properties
    fixed = SECURITY_GROUPS.get(wanted.logical_id)
    with _fixed(security_groups, "random_security_group_id", fixed):
        made = str(
            ec2.create_security_group(
                GroupName=properties["GroupName"], Description=properties["GroupDescription"], VpcId=properties["VpcId"]
            )["GroupId"]
        )
    if "SecurityGroupEgress" in properties:
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[everything])
    for rule in properties.get("SecurityGroupEgress", ()):
        ec2.authorize_security_group_egress(GroupId=made, IpPermissions=[_permission(rule, "Destination")])
    for rule in properties.get("SecurityGroupIngress", ()):
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[_permission(rule, "Source")])
    return Made(made, {"GroupId": made, "VpcId": properties["VpcId"]})


@resource("AWS::EC2::SecurityGroupIngress")
def security_group_ingress(wanted: Wanted) -> Made:
    """A rule of a group that exists."""
    rule = _permission(wanted.without("GroupId"), "Source")
    answer = wanted.client("ec2").authorize_security_group_ingress(
        GroupId=wanted.properties["GroupId"], IpPermissions=[rule]
    )
    return Made(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])


@resource("AWS::EC2::VPCEndpoint")
def endpoint(wanted: Wanted) -> Made:
    """An endpoint of an AWS service."""
    policy = wanted.properties.get("PolicyDocument")
    written = {"PolicyDocument": json.dumps(policy)} if policy is not None else {}
    made = wanted.client("ec2").create_vpc_endpoint(**wanted.without("PolicyDocument"), **written)
    return Made(made["VpcEndpoint"]["VpcEndpointId"], {"Id": made["VpcEndpoint"]["VpcEndpointId"]})


@resource(
    "AWS::EC2::FlowLog", "ResourceType", "ResourceId", "TrafficType", "LogDestinationType", "LogGroupName",
    "DeliverLogsPermissionArn",
)  # fmt: skip
def flow_log(wanted: Wanted) -> Made:
    """A flow log."""
    made = wanted.client("ec2").create_flow_logs(
        ResourceIds=[wanted.properties["ResourceId"]], **wanted.without("ResourceId")
    )
    return Made(made["FlowLogIds"][0])


def _permission(rule: Mapping[str, Any], side: str) -> dict[str, Any]:
    """The API's form of a rule, whose other end is an address range or a group. Raises KeyError for another."""
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    ends = {"CidrIp": "IpRanges", f"{side}SecurityGroupId": "UserIdGroupPairs"}
    (end,) = [name for name in rule if name not in (*_RULE, "Description")]
    name = "CidrIp" if end == "CidrIp" else "GroupId"
    return {part: rule[part] for part in _RULE if part in rule} | {ends[end]: [{name: rule[end]} | described]}


def _tag(ec2: Any, resource_id: str, properties: Mapping[str, Any]) -> None:
    if properties.get("Tags"):
        ec2.create_tags(Resources=[resource_id], Tags=properties["Tags"])


@contextlib.contextmanager
def _fixed(module: ModuleType, generator: str, value: str | None) -> Iterator[None]:
    """Let moto's id generator return `value` inside the block; None leaves it as it is."""
    original = getattr(module, generator)
    if value is not None:
        setattr(module, generator, lambda: value)
    try:
        yield
    finally:
        setattr(module, generator, original)
