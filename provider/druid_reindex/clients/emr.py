"""Amazon EMR as ``ports.EmrPort``.

RunJobFlow and AddJobFlowSteps have no idempotency token, so they are sent once; when no answer arrives the caller looks
by tag or by step name before it asks again.
Source: https://docs.aws.amazon.com/emr/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.errors import NotFoundError, ProtocolError, RefusedError
from druid_reindex.model.cluster import Cluster, ClusterState, Step, StepState, StoredConfiguration

S = TypeVar("S", ClusterState, StepState)


class EmrClient:
    """EMR in one account and Region.

    ``lookback_hours`` bounds the search by tag: ListClusters returns no tags, so each cluster that was created within
    it costs a DescribeCluster.
    """

    def __init__(self, session: boto3.Session, *, lookback_hours: int = 72, attempts: int = ATTEMPTS) -> None:
        with translated("make an EMR client", "EMR"):
            self._emr = session.client("emr", config=client_config(attempts=attempts))
            self._once = session.client("emr", config=client_config(attempts=1))
        self._lookback = timedelta(hours=lookback_hours)
        self._where = f"EMR {self._emr.meta.region_name}"

    def run_job_flow(self, payload: Mapping[str, Any]) -> str:
        """The new cluster's id; sent once, so NoAnswerError means that a cluster may have been launched."""
        with translated("launch a cluster", self._where):
            return self._once.run_job_flow(**payload)["JobFlowId"]

    def find_clusters(self, tag: str, value: str) -> list[Cluster]:
        """The clusters, dead or alive, that carry the tag and were created within the lookback; newest first."""
        with translated("list clusters", self._where):
            pages = self._emr.get_paginator("list_clusters").paginate(CreatedAfter=datetime.now(UTC) - self._lookback)
            listed = [summary["Id"] for page in pages for summary in page.get("Clusters", [])]
        described = [self.describe_cluster(cluster_id) for cluster_id in listed]
        return _newest_first(cluster for cluster in described if cluster.tags.get(tag) == value)

    def living_clusters(self, tag: str) -> list[Cluster]:
        """The clusters that have not ended and carry the tag, whatever its value and their age; newest first."""
        states: Any = [state.value for state in ClusterState if not state.is_ended]
        with translated("list clusters", self._where):
            pages = self._emr.get_paginator("list_clusters").paginate(ClusterStates=states)
            listed = [summary["Id"] for page in pages for summary in page.get("Clusters", [])]
        return _newest_first(cluster for cluster in map(self.describe_cluster, listed) if tag in cluster.tags)

    def describe_cluster(self, cluster_id: str) -> Cluster:
        """The cluster as it is now. Raises NotFoundError for an id that EMR does not know."""
        try:
            with translated("describe a cluster", cluster_id):
                return cluster_of(self._emr.describe_cluster(ClusterId=cluster_id)["Cluster"])
        except RefusedError as error:
            raise _unknown(error) from error

    def terminate(self, cluster_id: str) -> None:
        """Ask EMR to end the cluster, termination protection lifted first; one that is ending is left as it is."""
        if self.describe_cluster(cluster_id).state.is_over:
            return
        try:
            with translated("terminate a cluster", cluster_id):
                self._emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
                self._emr.terminate_job_flows(JobFlowIds=[cluster_id])
        except RefusedError:
            if not self.describe_cluster(cluster_id).state.is_over:
                raise

    def add_step(self, cluster_id: str, payload: Mapping[str, Any]) -> str:
        """The new step's id; sent once, so NoAnswerError means that the step may have been added."""
        with translated("add a step", cluster_id):
            step: Any = dict(payload)
            return self._once.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])["StepIds"][0]

    def list_steps(self, cluster_id: str) -> list[Step]:
        """All steps of the cluster, newest first. Raises NotFoundError for an id that EMR does not know."""
        try:
            with translated("list steps", cluster_id):
                pages = self._emr.get_paginator("list_steps").paginate(ClusterId=cluster_id)
                return [step_of(step) for page in pages for step in page.get("Steps", [])]
        except RefusedError as error:
            raise _unknown(error) from error

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """The step as it is now. Raises NotFoundError for an id that EMR does not know."""
        try:
            with translated("describe a step", f"{step_id} of {cluster_id}"):
                return step_of(self._emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"])
        except RefusedError as error:
            raise _unknown(error) from error

    def cancel_step(self, cluster_id: str, step_id: str) -> None:
        """Ask EMR to cancel the step, terminating its process; a step that has ended is left as it is.

        Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_CancelSteps.html
        """
        with translated("cancel a step", f"{step_id} of {cluster_id}"):
            answer = self._emr.cancel_steps(
                ClusterId=cluster_id, StepIds=[step_id], StepCancellationOption="TERMINATE_PROCESS"
            )
        for info in answer.get("CancelStepsInfoList", []):
            if info.get("Status") == "FAILED" and not self.describe_step(cluster_id, step_id).state.is_ended:
                raise RefusedError(
                    "cancel a step",
                    resource=f"{step_id} of {cluster_id}",
                    came_back=str(info.get("Reason", "no reason")),
                    remedy="end the cluster if the step must not go on",
                )

    def create_security_configuration(self, name: str, text: str) -> None:
        """Store the security configuration; one of this name that is there already is left as it is."""
        try:
            with translated("create a security configuration", name):
                self._emr.create_security_configuration(Name=name, SecurityConfiguration=text)
        except RefusedError:
            if name not in self.security_configuration_names():
                raise

    def security_configuration(self, name: str) -> StoredConfiguration | None:
        """The security configuration of this name; None when EMR refuses to tell of it and does not list it either."""
        try:
            with translated("describe a security configuration", name):
                found = self._emr.describe_security_configuration(Name=name)
        except RefusedError:
            if name in self.security_configuration_names():
                raise
            return None
        return StoredConfiguration(
            found["Name"], found["SecurityConfiguration"], found["CreationDateTime"].astimezone(UTC)
        )

    def security_configuration_names(self) -> list[str]:
        """The names of all security configurations of the account and Region, in order."""
        with translated("list security configurations", self._where):
            pages = self._emr.get_paginator("list_security_configurations").paginate()
            return sorted(each["Name"] for page in pages for each in page.get("SecurityConfigurations", []))

    def delete_security_configuration(self, name: str) -> None:
        """Delete the security configuration; one that is not there is left so."""
        try:
            with translated("delete a security configuration", name):
                self._emr.delete_security_configuration(Name=name)
        except RefusedError:
            if name in self.security_configuration_names():
                raise


def _newest_first(clusters: Iterable[Cluster]) -> list[Cluster]:
    return sorted(clusters, key=lambda c: c.created_at or datetime.min.replace(tzinfo=UTC), reverse=True)


def cluster_of(found: Mapping[str, Any]) -> Cluster:
    """The cluster in DescribeCluster's words; the codes of its error details are part of the reason's message."""
    status = found["Status"]
    reason, timeline = status.get("StateChangeReason", {}), status.get("Timeline", {})
    details = [str(detail["ErrorCode"]) for detail in status.get("ErrorDetails", []) if detail.get("ErrorCode")]
    return Cluster(
        cluster_id=found["Id"],
        name=found.get("Name", ""),
        state=_state(ClusterState, status["State"], found["Id"]),
        reason_code=reason.get("Code", ""),
        reason_message=" ".join([reason.get("Message", ""), *(f"[{code}]" for code in details)]).strip(),
        primary_dns=found.get("MasterPublicDnsName", ""),
        log_uri=found.get("LogUri", ""),
        release_label=found.get("ReleaseLabel", ""),
        tags={tag["Key"]: tag.get("Value", "") for tag in found.get("Tags", [])},
        created_at=_utc(timeline.get("CreationDateTime")),
        ready_at=_utc(timeline.get("ReadyDateTime")),
        ended_at=_utc(timeline.get("EndDateTime")),
        normalized_instance_hours=int(found.get("NormalizedInstanceHours", 0)),
        security_configuration=found.get("SecurityConfiguration", ""),
    )


def step_of(found: Mapping[str, Any]) -> Step:
    """The step in DescribeStep's or ListSteps' words."""
    status = found["Status"]
    failure = status.get("FailureDetails", {})
    changed = status.get("StateChangeReason", {})
    return Step(
        step_id=found["Id"],
        name=found.get("Name", ""),
        state=_state(StepState, status["State"], found["Id"]),
        reason=failure.get("Reason", ""),
        message=failure.get("Message", "") or changed.get("Message", ""),
        log_file=failure.get("LogFile", ""),
    )


def _state(kind: type[S], text: str, resource: str) -> S:
    try:
        return kind(text)
    except ValueError as error:
        raise ProtocolError(
            "read a state",
            resource=resource,
            came_back=f"{text!r}",
            remedy="upgrade druid-reindex: EMR has a new state",
        ) from error


def _utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC) if instant is not None else None


def _unknown(refused: RefusedError) -> NotFoundError:
    """Reading by id has one reason to be refused: an id that EMR does not know or remembers no more (two months)."""
    return NotFoundError(
        refused.attempted, resource=refused.resource, came_back=refused.came_back, remedy="check the id and the Region"
    )
