"""Clusters and what belongs to them as EMR's API shows them.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_Types.html
"""

from __future__ import annotations

from typing import Any

from druid_reindex.sandbox.aws.emr.model import (
    ENDED,
    BootstrapAction,
    Cluster,
    ClusterState,
    Instance,
    InstanceGroup,
    Step,
    Timeline,
)
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

View = dict[str, Any]

# Told to the caller as they were asked for.
ECHOED = (
    "LogUri",
    "LogEncryptionKmsKeyId",
    "ReleaseLabel",
    "ServiceRole",
    "SecurityConfiguration",
    "AutoScalingRole",
    "CustomAmiId",
    "EbsRootVolumeSize",
    "EbsRootVolumeIops",
    "EbsRootVolumeThroughput",
    "OSReleaseLabel",
    "Configurations",
    "PlacementGroups",
)
ECHOED_INSTANCE_ATTRIBUTES = (
    "Ec2KeyName",
    "EmrManagedMasterSecurityGroup",
    "EmrManagedSlaveSecurityGroup",
    "ServiceAccessSecurityGroup",
    "AdditionalMasterSecurityGroups",
    "AdditionalSlaveSecurityGroups",
)
KERBEROS_SECRETS = ("KdcAdminPassword", "CrossRealmTrustPrincipalPassword", "ADDomainJoinPassword")
_INSTANCE_STATES = {
    ClusterState.STARTING: "PROVISIONING",
    ClusterState.BOOTSTRAPPING: "BOOTSTRAPPING",
    ClusterState.TERMINATED: "TERMINATED",
    ClusterState.TERMINATED_WITH_ERRORS: "TERMINATED",
}
_CLUSTER_TERMINATED = {"Code": "CLUSTER_TERMINATED", "Message": "Job flow terminated"}


def cluster_arn(cluster: Cluster) -> str:
    """Return the cluster's ARN."""
    return f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/{cluster.id}"


def summary(cluster: Cluster) -> View:
    """Return what ListClusters shows of a cluster."""
    return {
        "Id": cluster.id,
        "Name": cluster.name,
        "Status": _cluster_status(cluster),
        "NormalizedInstanceHours": _normalized_hours(cluster),
        "ClusterArn": cluster_arn(cluster),
    }


def detail(cluster: Cluster) -> View:
    """Return what DescribeCluster shows of a cluster; passwords are not told."""
    request = cluster.request
    shown = {name: request[name] for name in ECHOED if name in request}
    return (
        summary(cluster)
        | shown
        | {
            "Ec2InstanceAttributes": _ec2_attributes(cluster),
            "InstanceCollectionType": "INSTANCE_FLEET" if cluster.is_fleet else "INSTANCE_GROUP",
            "AutoTerminate": not cluster.keep_alive,
            "TerminationProtected": cluster.termination_protected,
            "UnhealthyNodeReplacement": bool(request["Instances"].get("UnhealthyNodeReplacement", False)),
            "VisibleToAllUsers": bool(request.get("VisibleToAllUsers", True)),
            "Applications": [{"Name": "Hadoop", "Version": cluster.hadoop_version}],
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(cluster.tags.items())],
            "MasterPublicDnsName": cluster.address.dns if cluster.address else None,
            "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
            "RepoUpgradeOnBoot": request.get("RepoUpgradeOnBoot"),
            "KerberosAttributes": _kerberos(request.get("KerberosAttributes", {})),
            "StepConcurrencyLevel": cluster.step_concurrency,
        }
    )


def step(found: Step) -> View:
    """Return what DescribeStep and ListSteps show of a step."""
    config = found.config
    properties = {item["Key"]: item.get("Value", "") for item in config.get("Properties", [])}
    status: View = {
        "State": found.state,
        "StateChangeReason": {"Message": found.message} if found.message else {},
        "Timeline": _timeline(found.timeline, "StartDateTime"),
    }
    if found.failure:
        status["FailureDetails"] = found.failure
    return {
        "Id": found.id,
        "Name": found.name,
        "Config": {
            "Jar": config["Jar"],
            "Properties": properties,
            "MainClass": config.get("MainClass"),
            "Args": config.get("Args", []),
        },
        "ActionOnFailure": found.action_on_failure,
        "Status": status,
    }


def instance(cluster: Cluster, found: Instance) -> View:
    """Return what ListInstances shows of an instance."""
    address = cluster.address
    belongs = "InstanceFleetId" if cluster.is_fleet else "InstanceGroupId"
    return {
        "Id": found.id,
        "Ec2InstanceId": found.ec2_id,
        "PrivateDnsName": address.dns if address else None,
        "PrivateIpAddress": address.ip if address else None,
        "PublicDnsName": "",
        "Status": _hardware_status(cluster),
        belongs: found.group_id,
        "Market": found.market,
        "InstanceType": found.instance_type,
        "EbsVolumes": [],
    }


def instance_group(cluster: Cluster, found: InstanceGroup) -> View:
    """Return what ListInstanceGroups shows of a group."""
    return {
        "Id": found.id,
        "Name": found.name,
        "Market": found.market,
        "InstanceGroupType": found.role,
        "InstanceType": found.instance_type,
        "RequestedInstanceCount": found.count,
        "RunningInstanceCount": 0 if cluster.timeline.ready is None or cluster.state in ENDED else found.count,
        "Status": _hardware_status(cluster),
        "Configurations": found.config.get("Configurations", []),
        "EbsBlockDevices": [],
        "EbsOptimized": found.config.get("EbsConfiguration", {}).get("EbsOptimized"),
        "ShrinkPolicy": {},
    }


def instance_fleet(cluster: Cluster, found: InstanceGroup) -> View:
    """Return what ListInstanceFleets shows of a fleet."""
    is_up = cluster.timeline.ready is not None and cluster.state not in ENDED
    return {
        "Id": found.id,
        "Name": found.name,
        "InstanceFleetType": found.role,
        "Status": _hardware_status(cluster),
        "TargetOnDemandCapacity": found.config.get("TargetOnDemandCapacity", 0),
        "TargetSpotCapacity": found.config.get("TargetSpotCapacity", 0),
        "ProvisionedOnDemandCapacity": found.config.get("TargetOnDemandCapacity", 0) if is_up else 0,
        "ProvisionedSpotCapacity": found.config.get("TargetSpotCapacity", 0) if is_up else 0,
        "InstanceTypeSpecifications": found.config.get("InstanceTypeConfigs", []),
    }


def bootstrap_action(found: BootstrapAction) -> View:
    """Return what ListBootstrapActions shows of an action."""
    return {"Name": found.name, "ScriptPath": found.path, "Args": list(found.args)}


def _cluster_status(cluster: Cluster) -> View:
    reason: View = {"Message": cluster.reason.message} if cluster.reason.message else {}
    if cluster.reason.code:
        reason["Code"] = cluster.reason.code
    return {
        "State": cluster.state,
        "StateChangeReason": reason,
        "Timeline": _timeline(cluster.timeline, "ReadyDateTime"),
    }


def _hardware_status(cluster: Cluster) -> View:
    return {
        "State": _INSTANCE_STATES.get(cluster.state, "RUNNING"),
        "StateChangeReason": _CLUSTER_TERMINATED if cluster.state in ENDED else {},
        "Timeline": _timeline(cluster.timeline, "ReadyDateTime"),
    }


def _timeline(timeline: Timeline, ready_name: str) -> View:
    moments = {"CreationDateTime": timeline.created, ready_name: timeline.ready, "EndDateTime": timeline.ended}
    return {name: moment for name, moment in moments.items() if moment is not None}


def _ec2_attributes(cluster: Cluster) -> View:
    requested = cluster.request["Instances"]
    subnets = requested.get("Ec2SubnetIds") or [requested.get("Ec2SubnetId")]
    return {name: requested[name] for name in ECHOED_INSTANCE_ATTRIBUTES if name in requested} | {
        "Ec2SubnetId": subnets[0],
        "RequestedEc2SubnetIds": [subnet for subnet in subnets if subnet],
        "Ec2AvailabilityZone": cluster.availability_zone,
        "RequestedEc2AvailabilityZones": [],
        "IamInstanceProfile": cluster.request.get("JobFlowRole"),
    }


def _kerberos(attributes: View) -> View:
    return {name: value for name, value in attributes.items() if name not in KERBEROS_SECRETS}


def _normalized_hours(cluster: Cluster) -> int:
    """Return started hours times instances, weighted as if each were an m1.small.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_Cluster.html (NormalizedInstanceHours)
    """
    if cluster.timeline.ready is None:
        return 0
    ended = cluster.timeline.ended
    hours = 1 if ended is None else int((ended - cluster.timeline.ready).total_seconds() // 3600) + 1
    return hours * len(cluster.instances)
