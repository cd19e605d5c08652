"""The operations that change something. Each takes the request's JSON object and returns the answer's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any, ClassVar

from moto.emr.exceptions import InvalidCluster, InvalidRequestException, ValidationException
from moto.emr.models import ElasticMapReduceBackend

from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox.aws.emr import requests, validation, views
from druid_reindex.sandbox.aws.emr.lifecycle import USER_REQUEST, ClusterRunner
from druid_reindex.sandbox.aws.emr.model import ACTIVE_STEPS, ENDED, ENDING, Cluster, Step, StepState, now
from druid_reindex.sandbox.aws.emr.node import Node
from druid_reindex.sandbox.aws.emr.service_role import ServiceCalls
from druid_reindex.sandbox.aws.site import Site

Json = dict[str, Any]


class EmrBackend(ElasticMapReduceBackend):
    """The EMR of one account and Region; security configurations stay moto's, so that CloudFormation makes them too."""

    # moto finds a backend's URLs by the module of its class.
    __module__ = "moto.emr.models"
    site: ClassVar[Site | None] = None
    calls: ClassVar[ServiceCalls | None] = None
    _runners: ClassVar[list[ClusterRunner]] = []

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.flows: dict[str, Cluster] = {}
        self._lock = threading.Lock()

    @classmethod
    def stop_clusters(cls) -> None:
        """Terminate every cluster at once and wait until nothing of them runs."""
        for runner in cls._runners:
            with runner.cluster.changed:
                runner.cluster.end(USER_REQUEST)
        for runner in cls._runners:
            runner.join()

    def run_job(self, request: Json) -> Json:
        """RunJobFlow: answer with the new cluster's id; it starts by itself."""
        validation.run_job_flow(request, self.security_configurations)
        if self.site is None:
            raise ConfigurationError(
                "Launching an emulated cluster",
                resource="the emulated account",
                came_back="it was not told where it stands",
                remedy="call `install(site)` before the first request",
            )
        cluster = requests.cluster(request)
        if name := request.get("SecurityConfiguration"):
            cluster.security = json.loads(self.configuration(name).security_configuration)
        runner = ClusterRunner(cluster, Node(self.site, cluster, request.get("KerberosAttributes")), self.calls)
        with self._lock:
            self.flows[cluster.id] = cluster
            self._runners.append(runner)
        runner.start()
        return {"JobFlowId": cluster.id, "ClusterArn": views.cluster_arn(cluster)}

    def cluster(self, cluster_id: str) -> Cluster:
        """Return the cluster. Raises InvalidRequestException, as the Describe and List operations do."""
        found = self.flows.get(cluster_id)
        if found is None:
            raise InvalidCluster(cluster_id)
        return found

    def job_flow(self, cluster_id: str) -> Cluster:
        """Return the cluster. Raises ValidationException, as the job flow operations do."""
        found = self.flows.get(cluster_id)
        if found is None:
            raise ValidationException("Specified job flow ID does not exist.")
        return found

    def add_steps(self, request: Json) -> Json:
        """AddJobFlowSteps: answer with the ids of the new steps."""
        cluster = self.job_flow(request["JobFlowId"])
        with cluster.changed:
            validation.may_add_steps(cluster)
            active = len(cluster.steps_in(ACTIVE_STEPS))
            validation.steps(request.get("Steps", []), cluster.step_concurrency, active)
            added = requests.steps(request.get("Steps", []))
            cluster.steps.extend(added)
            cluster.changed.notify_all()
        return {"StepIds": [step.id for step in added]}

    def cancel(self, request: Json) -> Json:
        """CancelSteps: answer for each step whether its cancellation was submitted."""
        cluster = self.cluster(request["ClusterId"])
        option = request.get("StepCancellationOption", "SEND_INTERRUPT")
        with cluster.changed:
            found = [(step_id, cluster.step(step_id)) for step_id in request["StepIds"]]
            unknown = [step_id for step_id, step in found if step is None]
            if unknown:
                raise InvalidRequestException(f"Step id '{unknown[0]}' is not valid.")
            answers = [_cancel(step, option) for _, step in found if step is not None]
            cluster.changed.notify_all()
        return {"CancelStepsInfoList": answers}

    def terminate(self, request: Json) -> None:
        """TerminateJobFlows: every cluster that is not protected ends; a protected one makes the call fail."""
        found = [self.job_flow(cluster_id) for cluster_id in request["JobFlowIds"]]
        is_refused = False
        for cluster in found:
            with cluster.changed:
                if cluster.termination_protected and cluster.state not in ENDING:
                    is_refused = True
                elif cluster.state not in ENDED:
                    cluster.end(USER_REQUEST)
        if is_refused:
            raise ValidationException("Could not shut down one or more job flows since they are termination protected.")

    def protect(self, request: Json) -> None:
        """SetTerminationProtection."""
        for cluster in self._living(request["JobFlowIds"]):
            with cluster.changed:
                cluster.termination_protected = bool(request["TerminationProtected"])

    def keep_alive(self, request: Json) -> None:
        """SetKeepJobFlowAliveWhenNoSteps."""
        for cluster in self._living(request["JobFlowIds"]):
            with cluster.changed:
                cluster.keep_alive = bool(request["KeepJobFlowAliveWhenNoSteps"])
                cluster.changed.notify_all()

    def modify(self, request: Json) -> Json:
        """ModifyCluster: answer with the new step concurrency."""
        cluster = self.cluster(request["ClusterId"])
        level = request.get("StepConcurrencyLevel")
        with cluster.changed:
            if level is not None:
                validation.step_concurrency(level)
                validation.may_add_steps(cluster)
                cluster.step_concurrency = level
                cluster.changed.notify_all()
            return {"StepConcurrencyLevel": cluster.step_concurrency}

    def put_idle_timeout(self, request: Json) -> None:
        """PutAutoTerminationPolicy."""
        policy = request.get("AutoTerminationPolicy", {})
        validation.idle_timeout(policy)
        self._set_idle_timeout(request["ClusterId"], policy["IdleTimeout"])

    def remove_idle_timeout(self, request: Json) -> None:
        """RemoveAutoTerminationPolicy."""
        self._set_idle_timeout(request["ClusterId"], None)

    def tag(self, request: Json) -> None:
        """AddTags."""
        cluster = self.cluster(request["ResourceId"])
        validation.tags(request.get("Tags", []))
        with cluster.changed:
            cluster.tags.update({tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", [])})

    def untag(self, request: Json) -> None:
        """RemoveTags."""
        cluster = self.cluster(request["ResourceId"])
        with cluster.changed:
            for key in request["TagKeys"]:
                cluster.tags.pop(key, None)

    def create_configuration(self, request: Json) -> Json:
        """CreateSecurityConfiguration."""
        name, text = request["Name"], request["SecurityConfiguration"]
        validation.security_configuration(name, text, self.security_configurations)
        made = self.create_security_configuration(name=name, security_configuration=text)
        return {"Name": name, "CreationDateTime": made.creation_date_time}

    def delete_configuration(self, request: Json) -> None:
        """DeleteSecurityConfiguration."""
        self.configuration(request["Name"])
        self.delete_security_configuration(request["Name"])

    def configuration(self, name: str) -> Any:
        """Return the security configuration. Raises InvalidRequestException when there is none of this name."""
        found = self.security_configurations.get(name)
        if found is None:
            raise InvalidRequestException(f"Security configuration with name '{name}' does not exist.")
        return found

    def _living(self, cluster_ids: Iterable[str]) -> list[Cluster]:
        found = [self.job_flow(cluster_id) for cluster_id in cluster_ids]
        for cluster in found:
            with cluster.changed:
                validation.may_add_steps(cluster)
        return found

    def _set_idle_timeout(self, cluster_id: str, seconds: int | None) -> None:
        cluster = self.cluster(cluster_id)
        with cluster.changed:
            cluster.idle_timeout_seconds = seconds
            cluster.changed.notify_all()


def _cancel(step: Step, option: str) -> Json:
    """Cancel a step that has not ended.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_CancelStepsInfo.html
    """
    if step.state is StepState.PENDING:
        step.state, step.message = StepState.CANCELLED, "Step cancelled by user request"
        step.timeline.ended = now()
    elif step.state in ACTIVE_STEPS:
        step.state, step.cancellation = StepState.CANCEL_PENDING, option
    else:
        return {"StepId": step.id, "Status": "FAILED", "Reason": f"Cannot cancel a step in state {step.state}."}
    return {"StepId": step.id, "Status": "SUBMITTED", "Reason": ""}
