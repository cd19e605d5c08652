"""The VPC and its parts, with the ids that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from druid_reindex.sandbox.aws.cloudformation import network
from druid_reindex.sandbox.aws.cloudformation.resources import Made

VPC = {
    "CidrBlock": "10.1.0.0/16",
    "InstanceTenancy": "dedicated",
    "EnableDnsSupport": True,
    "EnableDnsHostnames": True,
    "Tags": [{"Key": "Name", "Value": "mine"}],
}


@pytest.fixture
def vpc(make: Callable[..., Made]) -> str:
    return make("AWS::EC2::VPC", VPC, "Vpc").id


def test_a_vpc_has_its_id_its_tenancy_and_its_name(vpc: str, aws: Callable[[str], Any]) -> None:
    (found,) = aws("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert (vpc, found["InstanceTenancy"]) == (network.VPC, "dedicated")
    assert found["Tags"] == VPC["Tags"]
    names = aws("ec2").describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert names["EnableDnsHostnames"]["Value"]


def test_a_private_subnet_has_a_route_table_without_a_gateway(
    vpc: str, make: Callable[..., Made], aws: Callable[[str], Any]
) -> None:
    asked = {"VpcId": vpc, "CidrBlock": "10.1.0.0/20", "AvailabilityZone": "us-east-1b", "MapPublicIpOnLaunch": False}
    subnet, table = make("AWS::EC2::Subnet", asked, "SecondSubnet"), make("AWS::EC2::RouteTable", {"VpcId": vpc})
    make("AWS::EC2::SubnetRouteTableAssociation", {"RouteTableId": table.id, "SubnetId": subnet.id})
    (found,) = aws("ec2").describe_subnets(SubnetIds=[subnet.id])["Subnets"]
    assert (subnet.id, found["AvailabilityZone"]) == (network.SUBNETS["SecondSubnet"], "us-east-1b")
    assert not found["MapPublicIpOnLaunch"]
    (routes,) = aws("ec2").describe_route_tables(RouteTableIds=[table.id])["RouteTables"]
    assert [route["GatewayId"] for route in routes["Routes"]] == ["local"]
    assert [each["SubnetId"] for each in routes["Associations"]] == [subnet.id]


def test_a_group_that_names_its_egress_lets_out_nothing_else(
    vpc: str, make: Callable[..., Made], aws: Callable[[str], Any]
) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.1.0.0/16", "Description": "this VPC"}
    asked = {"GroupName": "primary", "GroupDescription": "nodes", "VpcId": vpc, "SecurityGroupEgress": [rule]}
    group = make("AWS::EC2::SecurityGroup", asked, "PrimaryGroup").id
    inner = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "SourceSecurityGroupId": group}
    make("AWS::EC2::SecurityGroupIngress", inner)
    (found,) = aws("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert group == network.SECURITY_GROUPS["PrimaryGroup"]
    (out,), (into,) = found["IpPermissionsEgress"], found["IpPermissions"]
    assert (out["FromPort"], out["IpRanges"][0]["CidrIp"]) == (443, "10.1.0.0/16")
    assert (into["FromPort"], into["UserIdGroupPairs"][0]["GroupId"]) == (8443, group)


def test_an_endpoint_keeps_its_policy_and_a_flow_log_its_group(
    vpc: str, make: Callable[..., Made], aws: Callable[[str], Any]
) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    name = "com.amazonaws.us-east-1.s3"
    asked = {"VpcId": vpc, "ServiceName": name, "VpcEndpointType": "Gateway", "PolicyDocument": policy}
    endpoint = make("AWS::EC2::VPCEndpoint", asked).id
    (found,) = aws("ec2").describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert (found["ServiceName"], found["PolicyDocument"]) == (name, '{"Version": "2012-10-17", "Statement": []}')
    aws("logs").create_log_group(logGroupName="flows")
    log = {
        "ResourceType": "VPC",
        "ResourceId": vpc,
        "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": "flows",
        "DeliverLogsPermissionArn": "arn:aws:iam::111122223333:role/FlowLogs",
    }
    aws("iam").create_role(RoleName="FlowLogs", AssumeRolePolicyDocument="{}")
    made = make("AWS::EC2::FlowLog", log).id
    (flows,) = aws("ec2").describe_flow_logs(FlowLogIds=[made])["FlowLogs"]
    assert (flows["ResourceId"], flows["LogGroupName"]) == (vpc, "flows")
