"""What doctor shares of the network's rules."""

from __future__ import annotations

from druid_reindex.model.account import SecurityGroup, Subnet
from druid_reindex.posture.rules.network import exposure, several_vpcs


def test_why_a_subnet_is_not_private() -> None:
    assert exposure(Subnet("subnet-1", "vpc-1", (), gives_public_addresses=False)) == ""
    told = exposure(Subnet("subnet-1", "vpc-1", ("igw-1",), gives_public_addresses=True))
    assert told == "subnet-1 has a route to igw-1 and public addresses at launch"


def test_one_vpc() -> None:
    subnets = [Subnet("subnet-1", "vpc-1", (), gives_public_addresses=False)]
    assert several_vpcs([SecurityGroup("sg-1", "vpc-1", ())], subnets) == ""
    assert several_vpcs([SecurityGroup("sg-1", "vpc-2", ())], subnets) == "in several VPCs: vpc-1, vpc-2"
