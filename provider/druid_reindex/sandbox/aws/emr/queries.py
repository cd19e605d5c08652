"""The operations that only answer. Each takes the backend and the request's JSON object."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.emr.exceptions import InvalidRequestException

from druid_reindex.sandbox.aws.emr import views
from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.emr.model import Cluster
from druid_reindex.sandbox.aws.emr.releases import HADOOP_VERSIONS

Json = dict[str, Any]
Query = Callable[[EmrBackend, Json], Json]

PAGE = 50
MAX_STEP_IDS = 10


def describe_cluster(backend: EmrBackend, request: Json) -> Json:
    """DescribeCluster."""
    cluster = backend.cluster(request["ClusterId"])
    with cluster.changed:
        return {"Cluster": views.detail(cluster)}


def list_clusters(backend: EmrBackend, request: Json) -> Json:
    """ListClusters, newest first.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ListClusters.html
    """
    after, before = _moment(request.get("CreatedAfter")), _moment(request.get("CreatedBefore"))
    states = request.get("ClusterStates", [])
    chosen = [
        cluster
        for cluster in reversed(list(backend.flows.values()))
        if (not states or cluster.state in states)
        and (after is None or cluster.timeline.created > after)
        and (before is None or cluster.timeline.created < before)
    ]
    return _page("Clusters", [_summary(cluster) for cluster in chosen], request)


def describe_step(backend: EmrBackend, request: Json) -> Json:
    """DescribeStep."""
    cluster = backend.cluster(request["ClusterId"])
    with cluster.changed:
        found = cluster.step(request["StepId"])
        if found is None:
            raise InvalidRequestException(f"Step id '{request['StepId']}' is not valid.")
        return {"Step": views.step(found)}


def list_steps(backend: EmrBackend, request: Json) -> Json:
    """ListSteps, newest first; in the order of the ids when they are given.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ListSteps.html
    """
    cluster = backend.cluster(request["ClusterId"])
    wanted, states = request.get("StepIds", []), request.get("StepStates", [])
    if len(wanted) > MAX_STEP_IDS:
        raise InvalidRequestException(f"At most {MAX_STEP_IDS} step ids may be given.")
    if wanted and states:
        raise InvalidRequestException("Specify either StepIds or StepStates, not both.")
    with cluster.changed:
        if wanted:
            found = [step for step_id in wanted if (step := cluster.step(step_id)) is not None]
        else:
            found = [step for step in reversed(cluster.steps) if not states or step.state in states]
        return _page("Steps", [views.step(step) for step in found], request)


def list_instances(backend: EmrBackend, request: Json) -> Json:
    """ListInstances."""
    cluster = backend.cluster(request["ClusterId"])
    group = request.get("InstanceGroupId") or request.get("InstanceFleetId")
    fleet_type = request.get("InstanceFleetType")
    types = request.get("InstanceGroupTypes") or ([fleet_type] if fleet_type else [])
    states = request.get("InstanceStates", [])
    with cluster.changed:
        found = [
            views.instance(cluster, instance)
            for instance in cluster.instances
            if (group is None or instance.group_id == group) and (not types or instance.group_type in types)
        ]
    chosen = [item for item in found if not states or item["Status"]["State"] in states]
    return _page("Instances", chosen, request)


def list_instance_groups(backend: EmrBackend, request: Json) -> Json:
    """ListInstanceGroups; refused for a cluster of fleets."""
    cluster = backend.cluster(request["ClusterId"])
    if cluster.is_fleet:
        raise InvalidRequestException("Instance fleets and instance groups are mutually exclusive.")
    with cluster.changed:
        found = [views.instance_group(cluster, group) for group in cluster.groups]
    return _page("InstanceGroups", found, request)


def list_instance_fleets(backend: EmrBackend, request: Json) -> Json:
    """ListInstanceFleets; refused for a cluster of groups."""
    cluster = backend.cluster(request["ClusterId"])
    if not cluster.is_fleet:
        raise InvalidRequestException("Instance fleets and instance groups are mutually exclusive.")
    with cluster.changed:
        found = [views.instance_fleet(cluster, fleet) for fleet in cluster.groups]
    return _page("InstanceFleets", found, request)


def list_bootstrap_actions(backend: EmrBackend, request: Json) -> Json:
    """ListBootstrapActions."""
    actions = backend.cluster(request["ClusterId"]).bootstrap_actions
    return _page("BootstrapActions", [views.bootstrap_action(action) for action in actions], request)


def get_auto_termination_policy(backend: EmrBackend, request: Json) -> Json:
    """GetAutoTerminationPolicy; an empty answer when there is none."""
    seconds = backend.cluster(request["ClusterId"]).idle_timeout_seconds
    return {} if seconds is None else {"AutoTerminationPolicy": {"IdleTimeout": seconds}}


def describe_security_configuration(backend: EmrBackend, request: Json) -> Json:
    """DescribeSecurityConfiguration."""
    found = backend.configuration(request["Name"])
    return {
        "Name": request["Name"],
        "SecurityConfiguration": found.security_configuration,
        "CreationDateTime": found.creation_date_time,
    }


def list_security_configurations(backend: EmrBackend, request: Json) -> Json:
    """ListSecurityConfigurations, by name."""
    known = sorted(backend.security_configurations.items())
    found = [{"Name": name, "CreationDateTime": item.creation_date_time} for name, item in known]
    return _page("SecurityConfigurations", found, request)


def list_release_labels(backend: EmrBackend, request: Json) -> Json:
    """ListReleaseLabels: those that the sandbox can run, newest first."""
    del backend, request
    order = sorted(HADOOP_VERSIONS, key=lambda label: int(label.split(".")[1]), reverse=True)
    return {"ReleaseLabels": order}


def _summary(cluster: Cluster) -> Json:
    with cluster.changed:
        return views.summary(cluster)


def _page(name: str, items: list[Json], request: Json) -> Json:
    """Return one page of `items`, and the marker of the next."""
    start = _offset(request.get("Marker"))
    answer: Json = {name: items[start : start + PAGE]}
    if len(items) > start + PAGE:
        answer["Marker"] = base64.urlsafe_b64encode(str(start + PAGE).encode()).decode()
    return answer


def _offset(marker: str | None) -> int:
    if not marker:
        return 0
    try:
        return int(base64.urlsafe_b64decode(marker))
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestException("The marker is not valid.") from error


def _moment(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)
