"""From a RunJobFlow that was found valid to the cluster that it describes."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends

from druid_reindex.sandbox.aws import roles
from druid_reindex.sandbox.aws.emr.model import (
    BootstrapAction,
    Cluster,
    Instance,
    InstanceGroup,
    Step,
    new_ec2_id,
    new_id,
)
from druid_reindex.sandbox.aws.emr.releases import hadoop_version
from druid_reindex.sandbox.aws.emr.views import KERBEROS_SECRETS
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

Request = dict[str, Any]


def cluster(request: Request) -> Cluster:
    """Return the new cluster, STARTING; Kerberos passwords are not kept."""
    instances = request["Instances"]
    groups = _groups(instances)
    return Cluster(
        id=new_id("j"),
        name=request["Name"],
        request=without_passwords(request),
        hadoop_version=hadoop_version(request["ReleaseLabel"]) or "",
        role_arn=roles.instance_profile_role(request["JobFlowRole"]),
        groups=groups,
        instances=[instance for group in groups for instance in _instances(group)],
        bootstrap_actions=[_bootstrap_action(item) for item in request.get("BootstrapActions", [])],
        availability_zone=_availability_zone(instances),
        is_fleet="InstanceFleets" in instances,
        steps=steps(request.get("Steps", [])),
        tags={tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", [])},
        termination_protected=bool(instances.get("TerminationProtected", False)),
        keep_alive=bool(instances.get("KeepJobFlowAliveWhenNoSteps", False)),
        step_concurrency=int(request.get("StepConcurrencyLevel", 1)),
        idle_timeout_seconds=request.get("AutoTerminationPolicy", {}).get("IdleTimeout"),
    )


def steps(requested: list[Request]) -> list[Step]:
    """Return the new steps, PENDING."""
    return [
        Step(new_id("s"), item["Name"], item["HadoopJarStep"], item.get("ActionOnFailure", "TERMINATE_CLUSTER"))
        for item in requested
    ]


def without_passwords(request: Request) -> Request:
    """Return the request without the passwords in its Kerberos attributes."""
    attributes = request.get("KerberosAttributes")
    if attributes is None:
        return request
    shown = {name: value for name, value in attributes.items() if name not in KERBEROS_SECRETS}
    return request | {"KerberosAttributes": shown}


def _groups(instances: Request) -> list[InstanceGroup]:
    if "InstanceFleets" in instances:
        return [_fleet(item) for item in instances["InstanceFleets"]]
    if "InstanceGroups" in instances:
        return [_group(item) for item in instances["InstanceGroups"]]
    return _groups_by_type(instances)


def _groups_by_type(instances: Request) -> list[InstanceGroup]:
    """Return the groups of the short form: one primary node, the rest of InstanceCount as core nodes.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_JobFlowInstancesConfig.html
    """
    primary_type = instances["MasterInstanceType"]
    core_type, count = instances.get("SlaveInstanceType", primary_type), int(instances.get("InstanceCount", 1))
    found = [_group({"InstanceRole": "MASTER", "InstanceType": primary_type, "InstanceCount": 1})]
    if count > 1:
        found.append(_group({"InstanceRole": "CORE", "InstanceType": core_type, "InstanceCount": count - 1}))
    return found


def _group(config: Request) -> InstanceGroup:
    return InstanceGroup(
        id=new_id("ig"),
        name=config.get("Name") or config["InstanceRole"].capitalize(),
        role=config["InstanceRole"],
        instance_type=config["InstanceType"],
        market=config.get("Market", "ON_DEMAND"),
        count=int(config["InstanceCount"]),
        config=config,
    )


def _fleet(config: Request) -> InstanceGroup:
    on_demand, spot = config.get("TargetOnDemandCapacity", 0), config.get("TargetSpotCapacity", 0)
    return InstanceGroup(
        id=new_id("if"),
        name=config.get("Name") or config["InstanceFleetType"].capitalize(),
        role=config["InstanceFleetType"],
        instance_type=config["InstanceTypeConfigs"][0]["InstanceType"],
        market="ON_DEMAND" if on_demand else "SPOT",
        count=on_demand + spot,
        config=config,
    )


def _instances(group: InstanceGroup) -> list[Instance]:
    return [
        Instance(new_id("ci"), new_ec2_id(), group.id, group.role, group.instance_type, group.market)
        for _ in range(group.count)
    ]


def _bootstrap_action(item: Request) -> BootstrapAction:
    script = item["ScriptBootstrapAction"]
    return BootstrapAction(item["Name"], script["Path"], tuple(script.get("Args", [])))


def _availability_zone(instances: Request) -> str:
    subnets = instances.get("Ec2SubnetIds") or [instances.get("Ec2SubnetId")]
    if subnets[0] is None:
        return str(instances.get("Placement", {}).get("AvailabilityZone", f"{REGION}a"))
    return str(ec2_backends[ACCOUNT][REGION].get_subnet(subnets[0]).availability_zone)
