"""Where clusters stand: private subnets, security groups of one VPC, nothing open to the internet.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-clusters-in-a-vpc.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from druid_reindex.model.account import SecurityGroup, Subnet
from druid_reindex.posture.facts import Fact, Facts, known
from druid_reindex.posture.rules.registry import Verdict, fails, judged, rule


def subnets(facts: Facts) -> Iterable[tuple[str, Fact[Subnet | None]]]:
    """Each subnet that a cluster may be launched in."""
    return facts.subnets.items()


def groups(facts: Facts) -> Iterable[tuple[str, Fact[SecurityGroup | None]]]:
    """Each security group that a cluster gets."""
    return facts.groups.items()


def exposure(subnet: Subnet) -> str:
    """Why the subnet is not private; empty when it is."""
    gateways = [f"a route to {', '.join(subnet.internet_gateways)}"] if subnet.internet_gateways else []
    addresses = ["public addresses at launch"] if subnet.gives_public_addresses else []
    reasons = " and ".join([*gateways, *addresses])
    return f"{subnet.subnet_id} has {reasons}" if reasons else ""


def several_vpcs(found: Sequence[SecurityGroup], subnets: Sequence[Subnet]) -> str:
    """The VPCs, where groups and subnets are not all in one; else empty."""
    vpcs = {group.vpc_id for group in found} | {subnet.vpc_id for subnet in subnets}
    return "" if len(vpcs) == 1 else f"in several VPCs: {', '.join(sorted(vpcs))}"


@rule("EMR-12", subnets)
def subnet_is_private(subnet: Fact[Subnet | None], facts: Facts) -> Verdict:
    """It exists, has no route to an internet gateway and gives no public addresses."""
    del facts
    found = known(subnet)
    if found is None:
        return fails("there is no such subnet")
    return judged(filter(None, [exposure(found)]), "no route to an internet gateway, no public addresses")


@rule("EMR-13", lambda facts: [("the clusters' managed security groups", facts.intent.group_ids)])
def three_groups_of_ones_own(group_ids: tuple[str, ...], facts: Facts) -> Verdict:
    """Primary, core and service-access groups are named, different, exist, and stand in the subnets' VPC."""
    instances = facts.intent.request.get("Instances", {})
    wanted = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup")
    unnamed = [name for name in wanted if not instances.get(name)]
    if unnamed:
        return fails(f"not named: {', '.join(unnamed)}")
    if len({instances[name] for name in wanted}) != len(wanted):
        return fails("one group stands for two")
    found = {group_id: known(facts.groups[group_id]) for group_id in group_ids}
    missing = [group_id for group_id, group in found.items() if group is None]
    if missing:
        return fails(f"no such group: {', '.join(missing)}")
    there = [known(subnet) for subnet in facts.subnets.values()]
    told = several_vpcs([group for group in found.values() if group], [subnet for subnet in there if subnet])
    return judged(filter(None, [told]), ", ".join(group_ids))


@rule("EMR-15", groups)
def nothing_is_open_to_the_internet(group: Fact[SecurityGroup | None], facts: Facts) -> Verdict:
    """No inbound rule from everywhere, port 22 included."""
    del facts
    found = known(group)
    if found is None:
        return fails("there is no such group")
    return judged(found.public_ingress, "no inbound rule from everywhere")


@rule("EMR-16", lambda facts: [(f"EMR in {facts.intent.region}", facts)])
def emr_blocks_public_access(subject: Facts, facts: Facts) -> Verdict:
    """BlockPublicSecurityGroupRules is on, and no port range is excepted.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-block-public-access.html
    """
    del facts
    found = known(subject.block_public_access)
    if not found.get("BlockPublicSecurityGroupRules"):
        return fails("BlockPublicSecurityGroupRules is off")
    ranges = found.get("PermittedPublicSecurityGroupRuleRanges", [])
    ports = [f"{each.get('MinRange')}-{each.get('MaxRange', each.get('MinRange'))}" for each in ranges]
    return judged((f"ports {each} are excepted" for each in ports), "on, without exceptions")
