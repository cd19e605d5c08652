"""EMR's requests for one night: the cluster, and the step that runs Druid's CLI indexer.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.group import Group
from druid_reindex.model.identity import RunId, canonical
from druid_reindex.model.pipeline import Pipeline, Submission
from druid_reindex.model.profile import BootstrapScript, ClusterProfile, InstanceFleet, InstanceGroup
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names

INDEX_SCRIPT = "/opt/druid-reindex/bin/druid_index.sh"
JOURNAL_PROTOCOL = 1
JOURNALLED_SCRIPT = "bootstrap/journalled.sh"
# Runs $0 of S3, whose SHA-256 must be $1, with what follows.
_FETCH = (
    'set -euo pipefail; script="$(mktemp)"; '
    'aws s3 cp --only-show-errors "$0" "${script}"; '
    'echo "$1  ${script}" | sha256sum --check --status || { echo "$0 is not the script with digest $1: upload it" >&2; '
    'exit 6; }; shift; exec bash "${script}" "$@"'
)
SHARED_STEPS = 5  # at a time, at the least, on a cluster that several nights share
EXPORT_SCRIPT = "/opt/druid-reindex/bin/export.sh"
ATTEST = BootstrapScript(name="attest each node", path="bootstrap/attest.sh")
INSTALL_DRUID = BootstrapScript(name="install Druid's CLI indexer", path="bootstrap/install_druid.sh")


def run_job_flow(
    pipeline: Pipeline,
    boundaries: Boundaries,
    boundary: Boundary,
    profile: ClusterProfile,
    run_id: RunId,
    *,
    reads_segments: bool = False,
) -> dict[str, Any]:
    """The RunJobFlow request; equal for every try of one run, and tagged so that a retry finds the cluster.

    Druid is installed where the night's steps need it, such as those of a purge, which ``reads_segments``.
    """
    request = {
        "Name": names.cluster_name(pipeline, run_id),
        "ReleaseLabel": profile.release_label,
        "Applications": [{"Name": name} for name in profile.applications],
        "LogUri": boundary.emr_log_uri,
        "LogEncryptionKmsKeyId": boundary.emr_log_kms_key_arn,
        "ServiceRole": boundary.emr_service_role,
        "JobFlowRole": boundary.emr_instance_profile,
        "Instances": _instances(boundary, profile),
        "Configurations": [dict(configuration) for configuration in profile.configurations],
        "BootstrapActions": [
            *_bootstrap(boundaries, profile, with_druid=reads_segments or _needs_druid(pipeline)),
            *_attestation(boundaries, boundary, profile, run_id),
        ],
        "StepConcurrencyLevel": profile.step_concurrency_level,
        "EbsRootVolumeSize": profile.ebs_root_volume_gib,
        "AutoTerminationPolicy": {"IdleTimeout": profile.idle_timeout_seconds},
        "VisibleToAllUsers": True,
        "Tags": _as_aws(_tags(pipeline, profile, run_id)),
    }
    return placed(request, boundary.network.subnet_ids, failures=0)


def shared(request: Mapping[str, Any], group: Group) -> dict[str, Any]:
    """The run's ``request`` for a cluster that it shares: named and tagged as its group's, for steps side by side."""
    own = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    return {
        **request,
        "Name": f"druid-reindex-{group.key}-g{group.generation}",
        "StepConcurrencyLevel": max(SHARED_STEPS, request["StepConcurrencyLevel"]),
        "Tags": _as_aws(own | {names.GROUP_TAG: group.key, names.GENERATION_TAG: str(group.generation)}),
    }


def secured(request: Mapping[str, Any], configuration: str) -> dict[str, Any]:
    """The ``request`` for a cluster under the security configuration of this name.

    KerberosAttributes are added when it is sent: they are passwords, which stand in no plan.
    """
    return {**request, "SecurityConfiguration": configuration}


def placed(request: Mapping[str, Any], subnet_ids: Sequence[str], failures: int) -> dict[str, Any]:
    """The ``request`` in the subnet that is next after ``failures`` for want of capacity; a fleet is offered them all.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_JobFlowInstancesConfig.html
    """
    instances = {**request["Instances"]}
    if "InstanceFleets" in instances:
        instances["Ec2SubnetIds"] = list(subnet_ids)
    else:
        instances["Ec2SubnetId"] = subnet_ids[failures % len(subnet_ids)]
    return {**request, "Instances": instances}


def has_another_subnet(request: Mapping[str, Any], subnet_ids: Sequence[str], failures: int) -> bool:
    """Whether a subnet is left to try after ``failures`` for want of capacity; EMR itself tries all for a fleet."""
    return "InstanceFleets" not in request["Instances"] and failures % len(subnet_ids) != 0


def reindex_step(name: str, spec_uri: S3Uri, boundary: Boundary, *, limit_seconds: int) -> dict[str, Any]:
    """The step that runs Druid's CLI indexer on ``spec_uri``; its failure leaves the cluster to us."""
    args = [INDEX_SCRIPT, str(spec_uri), boundary.metadata_secret_id, str(limit_seconds)]
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args},
    }


def script_step(name: str, script: S3Uri, sha256: str, *args: str) -> dict[str, Any]:
    """The step that runs ``script`` of the artifacts with ``args``, once its digest is found to be ``sha256``."""
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["bash", "-c", _FETCH, str(script), sha256, *args]},
    }


def export_step(name: str, spec_uri: S3Uri, region: str) -> dict[str, Any]:
    """The step that writes the segments of ``spec_uri`` as files, by the Druid that the cluster has."""
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [EXPORT_SCRIPT, str(spec_uri), region]},
    }


def journalled(payload: Mapping[str, Any], script: S3Uri, sha256: str, journal: Mapping[str, Any]) -> dict[str, Any]:
    """The step of ``payload`` as ``script`` runs it, the one with the digest ``sha256``, which keeps ``journal``."""
    step = payload["HadoopJarStep"]
    told = canonical({"protocol": JOURNAL_PROTOCOL, **journal}).decode()
    args = ["bash", "-c", _FETCH, str(script), sha256, told, *step["Args"]]
    return {**payload, "HadoopJarStep": {**step, "Args": args}}


def _instances(boundary: Boundary, profile: ClusterProfile) -> dict[str, Any]:
    network = boundary.network
    return {
        **_nodes(profile),
        "EmrManagedMasterSecurityGroup": network.primary_security_group,
        "EmrManagedSlaveSecurityGroup": network.core_security_group,
        "ServiceAccessSecurityGroup": network.service_access_security_group,
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
    }


def _nodes(profile: ClusterProfile) -> dict[str, Any]:
    if profile.instance_fleets:
        return {"InstanceFleets": [_fleet(fleet) for fleet in profile.instance_fleets]}
    return {"InstanceGroups": [_group(group) for group in profile.instance_groups]}


def _fleet(fleet: InstanceFleet) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleetConfig.html."""
    made: dict[str, Any] = {
        "Name": fleet.role.lower(),
        "InstanceFleetType": fleet.role,
        "TargetOnDemandCapacity": fleet.on_demand_units,
        "TargetSpotCapacity": fleet.spot_units,
        "InstanceTypeConfigs": [
            {"InstanceType": each.instance_type, "WeightedCapacity": each.weight} for each in fleet.instance_types
        ],
    }
    if fleet.spot_units:
        spot = {
            "TimeoutDurationMinutes": fleet.spot_timeout_minutes,
            "TimeoutAction": fleet.spot_timeout_action,
            "AllocationStrategy": "capacity-optimized",
        }
        made["LaunchSpecifications"] = {"SpotSpecification": spot}
    return made


def _group(group: InstanceGroup) -> dict[str, Any]:
    return {
        "Name": group.role.lower(),
        "InstanceRole": group.role,
        "InstanceType": group.instance_type,
        "InstanceCount": group.count,
        "Market": group.market,
    }


def _needs_druid(pipeline: Pipeline) -> bool:
    return pipeline.submit is Submission.EMR_STEP or bool(pipeline.exports)


def _bootstrap(boundaries: Boundaries, profile: ClusterProfile, *, with_druid: bool) -> list[dict[str, Any]]:
    artifacts = S3Uri.parse(boundaries.artifacts_uri)
    scripts = [
        {"Name": s.name, "ScriptBootstrapAction": {"Path": str(artifacts / s.path), "Args": list(s.args)}}
        for s in profile.bootstrap
    ]
    if with_druid:
        action = {"Path": str(artifacts / INSTALL_DRUID.path), "Args": [str(artifacts)]}
        scripts.append({"Name": INSTALL_DRUID.name, "ScriptBootstrapAction": action})
    return scripts


def attests(profile: ClusterProfile) -> bool:
    """Whether the profile's clusters are attested: those that run under a security configuration."""
    return profile.security is not None


def _attestation(
    boundaries: Boundaries, boundary: Boundary, profile: ClusterProfile, run_id: RunId
) -> list[dict[str, Any]]:
    """The script that makes each node report, last of all; none for clusters that are not attested."""
    if not attests(profile):
        return []
    launched_by = str(run_id)
    arguments = [f"{names.attestation_prefix(boundary, launched_by)}/", names.attestation_nonce(launched_by)]
    path = str(S3Uri.parse(boundaries.artifacts_uri) / ATTEST.path)
    return [{"Name": ATTEST.name, "ScriptBootstrapAction": {"Path": path, "Args": arguments}}]


def _as_aws(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tags(pipeline: Pipeline, profile: ClusterProfile, run_id: RunId) -> dict[str, str]:
    return (
        profile.tags
        | names.run_tags(run_id)
        | {names.PIPELINE_TAG: pipeline.datasource, names.CLASSIFICATION_TAG: pipeline.classification.value}
    )
