"""What EMR refuses. Every function raises `ValidationException` or `InvalidRequestException`, or returns nothing.

The wording is AWS's where callers have published it (required roles, subnet, release label, a finished job flow, a
protected one, too many steps); elsewhere AWS documents the refusal and not its text, and the text here is our own.
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.ec2.models import ec2_backends
from moto.emr.exceptions import InvalidRequestException, ValidationException
from moto.iam.models import iam_backends

from druid_reindex.sandbox.aws.emr import security
from druid_reindex.sandbox.aws.emr.model import ENDING, Cluster
from druid_reindex.sandbox.aws.emr.releases import APPLICATIONS, hadoop_version
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

Request = dict[str, Any]

MAX_STEPS = 256
MAX_TAGS = 10
IDLE_SECONDS = range(60, 604800 + 1)
STEP_CONCURRENCY = range(1, 256 + 1)
ACTIONS_ON_FAILURE = ("CONTINUE", "CANCEL_AND_WAIT", "TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")
MAX_STEP_CHARACTERS = 10240
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_S3_LOCATION = re.compile(r"s3[an]?://[a-z0-9][a-z0-9.-]+(/.*)?")


def run_job_flow(request: Request, security_configurations: dict[str, Any]) -> None:
    """Refuse a RunJobFlow that names what does not exist or asks for what cannot be.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
    """
    _require(bool(request.get("Name")), "Name is required for creating cluster.")
    _release(request)
    _roles(request)
    _hardware(request["Instances"])
    _network(request["Instances"])
    _security(request, security_configurations)
    log_uri = request.get("LogUri")
    _require(log_uri is None or bool(_S3_LOCATION.fullmatch(log_uri)), f"The supplied LogUri is invalid: {log_uri}.")
    concurrency = request.get("StepConcurrencyLevel", 1)
    step_concurrency(concurrency)
    steps(request.get("Steps", []), concurrency, active=0)
    if "AutoTerminationPolicy" in request:
        idle_timeout(request["AutoTerminationPolicy"])
    tags(request.get("Tags", []))


def steps(requested: list[Request], concurrency: int, active: int) -> None:
    """Refuse steps that are too many, too long, or that would stop a cluster on which others run beside them.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_StepConfig.html
    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_AddJobFlowSteps.html
    """
    _require(
        active + len(requested) <= MAX_STEPS,
        "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded.",
    )
    for step in requested:
        action = step.get("ActionOnFailure", "TERMINATE_CLUSTER")
        _require(action in ACTIONS_ON_FAILURE, f"Invalid ActionOnFailure: {action}.")
        _require(
            concurrency == 1 or action == "CONTINUE",
            f"ActionOnFailure {action} is not valid. When the StepConcurrencyLevel of a cluster is greater than 1, "
            "ActionOnFailure must be CONTINUE.",
        )
        jar_step = step["HadoopJarStep"]
        length = sum(map(len, (jar_step["Jar"], jar_step.get("MainClass", ""), *jar_step.get("Args", []))))
        _require(length <= MAX_STEP_CHARACTERS, "Total size of the step's strings exceeds 10240 characters.")


def may_add_steps(cluster: Cluster) -> None:
    """Refuse steps for a cluster that is ending or has ended.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_AddJobFlowSteps.html (the four states that may)
    """
    ending = cluster.state in ENDING or cluster.ending is not None
    _require(not ending, "A job flow that is shutting down, terminated, or finished may not be modified.")


def step_concurrency(level: int) -> None:
    """Refuse a level outside 1 to 256.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ModifyCluster.html
    """
    _require(level in STEP_CONCURRENCY, f"StepConcurrencyLevel must be between 1 and 256, found {level}.")


def idle_timeout(policy: Request) -> None:
    """Refuse an idle time outside one minute to seven days.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html
    """
    seconds = policy.get("IdleTimeout")
    if seconds not in IDLE_SECONDS:
        raise ValidationException(f"IdleTimeout must be between 60 and 604800 seconds, found {seconds}.")


def tags(requested: list[Request]) -> None:
    """Refuse reserved and too many tags.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html (restrictions)
    """
    _require(len(requested) <= MAX_TAGS, "A cluster can have at most 10 tags.")
    for tag in requested:
        key = tag.get("Key", "")
        _require(bool(key) and not key.lower().startswith("aws:"), f"Invalid tag key: '{key}'.")


def security_configuration(name: str, text: str, existing: dict[str, Any]) -> None:
    """Refuse an empty or used name, and text that is no security configuration.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_CreateSecurityConfiguration.html
    """
    if not name:
        raise InvalidRequestException("Security configuration name must not be empty.")
    if name in existing:
        raise InvalidRequestException(f"SecurityConfiguration with name '{name}' already exists.")
    security.document(text)


def _release(request: Request) -> None:
    label = request.get("ReleaseLabel")
    _require(bool(label), "ReleaseLabel is required for creating cluster.")
    _require(hadoop_version(str(label)) is not None, f"The supplied release label is invalid: {label}.")
    for application in request.get("Applications", []):
        name = application.get("Name")
        _require(name in APPLICATIONS, f"Specified application: {name} is not supported for release {label}.")


def _roles(request: Request) -> None:
    """Refuse missing roles.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-roles.html
    """
    iam = iam_backends[ACCOUNT]["aws"]
    profile, service_role = request.get("JobFlowRole"), request.get("ServiceRole")
    _require(bool(profile), "InstanceProfile is required for creating cluster.")
    _require(bool(service_role), "ServiceRole is required for creating cluster.")
    profiles = {str(found.name) for found in iam.get_instance_profiles()}
    roles = {str(found.name) for found in iam.get_roles()}
    _require(str(profile).rpartition("/")[2] in profiles, f"Invalid InstanceProfile: {profile}.")
    _require(str(service_role).rpartition("/")[2] in roles, f"Invalid ServiceRole: {service_role}.")


def _hardware(instances: Request) -> None:
    """Refuse groups beside fleets, none of both, and a cluster without exactly one kind of primary node.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-group-configuration.html
    """
    groups, fleets = instances.get("InstanceGroups", []), instances.get("InstanceFleets", [])
    by_type = "MasterInstanceType" in instances
    _require(
        [bool(groups), bool(fleets), by_type].count(True) == 1,
        "Exactly one of InstanceGroups, InstanceFleets and MasterInstanceType must be specified.",
    )
    roles = [group["InstanceRole"] for group in groups] + [fleet["InstanceFleetType"] for fleet in fleets]
    _require(by_type or roles.count("MASTER") == 1, "A cluster must have exactly one MASTER instance group or fleet.")
    _require(roles.count("CORE") <= 1, "A cluster can have at most one CORE instance group or fleet.")
    for group in groups:
        _require(group["InstanceCount"] > 0, f"InstanceCount of {group['InstanceRole']} must be at least 1.")
        _require(group["InstanceRole"] != "MASTER" or group["InstanceCount"] in (1, 3), "Use 1 or 3 primary nodes.")
    for kind in _instance_types(instances):
        _require(bool(_INSTANCE_TYPE.fullmatch(kind)), f"Instance type '{kind}' is not supported.")


def _instance_types(instances: Request) -> list[str]:
    named = [instances[key] for key in ("MasterInstanceType", "SlaveInstanceType") if key in instances]
    grouped = [group["InstanceType"] for group in instances.get("InstanceGroups", [])]
    fleets = instances.get("InstanceFleets", [])
    return [*named, *grouped, *(item["InstanceType"] for fleet in fleets for item in fleet["InstanceTypeConfigs"])]


def _network(instances: Request) -> None:
    """Refuse subnets and security groups that do not exist, and one managed security group without the other.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
    """
    ec2 = ec2_backends[ACCOUNT][REGION]
    subnets = instances.get("Ec2SubnetIds") or [instances.get("Ec2SubnetId")]
    known_subnets = {str(subnet.id) for subnet in ec2.describe_subnets()}
    for subnet in filter(None, subnets):
        _require(subnet in known_subnets, "The supplied ec2SubnetId is not valid.")
    managed = [f"EmrManaged{kind}SecurityGroup" for kind in ("Master", "Slave")]
    _require(
        (managed[0] in instances) == (managed[1] in instances),
        "You must specify both EmrManagedMasterSecurityGroup and EmrManagedSlaveSecurityGroup, or neither.",
    )
    private = [each for each in ec2.describe_subnets() if each.id in subnets and not _is_public(each)]
    _require(
        not private or managed[0] not in instances or "ServiceAccessSecurityGroup" in instances,
        "You must specify a ServiceAccessSecurityGroup beside custom managed security groups in a private subnet.",
    )
    known_groups = {str(group.id) for group in ec2.describe_security_groups()}
    for name in (*managed, "ServiceAccessSecurityGroup"):
        group = instances.get(name)
        _require(group is None or group in known_groups, f"The security group '{group}' does not exist.")


def _is_public(subnet: Any) -> bool:
    return str(subnet.map_public_ip_on_launch).lower() == "true"


def _security(request: Request, configurations: dict[str, Any]) -> None:
    """Refuse a security configuration that does not exist, or that the cluster does not fit.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-configure.html
    """
    name = request.get("SecurityConfiguration")
    _require(not name or name in configurations, f"Security configuration with name '{name}' does not exist.")
    text = configurations[name].security_configuration if name else "{}"
    security.fits(request | {"Region": REGION}, json.loads(text))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValidationException(message)
