"""EMR's front: requests of botocore's `emr` model to the backend's operations and queries, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.emr import urls
from moto.emr.exceptions import ValidationException
from moto.emr.models import emr_backends
from moto.emr.responses import ElasticMapReduceResponse

from druid_reindex.sandbox.aws.emr import queries
from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.emr.service_role import ServiceCalls
from druid_reindex.sandbox.aws.site import ACCOUNT, Site

Command = Callable[[EmrBackend, dict[str, Any]], dict[str, Any] | None]

COMMANDS: dict[str, Command] = {
    "RunJobFlow": EmrBackend.run_job,
    "AddJobFlowSteps": EmrBackend.add_steps,
    "CancelSteps": EmrBackend.cancel,
    "TerminateJobFlows": EmrBackend.terminate,
    "SetTerminationProtection": EmrBackend.protect,
    "SetKeepJobFlowAliveWhenNoSteps": EmrBackend.keep_alive,
    "ModifyCluster": EmrBackend.modify,
    "PutAutoTerminationPolicy": EmrBackend.put_idle_timeout,
    "RemoveAutoTerminationPolicy": EmrBackend.remove_idle_timeout,
    "AddTags": EmrBackend.tag,
    "RemoveTags": EmrBackend.untag,
    "CreateSecurityConfiguration": EmrBackend.create_configuration,
    "DeleteSecurityConfiguration": EmrBackend.delete_configuration,
}
QUERIES: dict[str, queries.Query] = {
    "DescribeCluster": queries.describe_cluster,
    "ListClusters": queries.list_clusters,
    "DescribeStep": queries.describe_step,
    "ListSteps": queries.list_steps,
    "ListInstances": queries.list_instances,
    "ListInstanceGroups": queries.list_instance_groups,
    "ListInstanceFleets": queries.list_instance_fleets,
    "ListBootstrapActions": queries.list_bootstrap_actions,
    "GetAutoTerminationPolicy": queries.get_auto_termination_policy,
    "DescribeSecurityConfiguration": queries.describe_security_configuration,
    "ListSecurityConfigurations": queries.list_security_configurations,
    "ListReleaseLabels": queries.list_release_labels,
}
# moto answers this as AWS does.
MOTO_OPERATIONS = frozenset({"GetBlockPublicAccessConfiguration"})


class EmrResponse(ElasticMapReduceResponse):
    """One request to EMR."""

    def call_action(self) -> Any:
        """Answer the request; an operation that is not emulated is refused by name."""
        operation = self._get_action()
        if operation in MOTO_OPERATIONS:
            return super().call_action()
        try:
            result: object = self._perform(operation, json.loads(self.body or "{}"))
        except ServiceException as refusal:
            result = refusal
        status, headers, body = self.serialized(ActionResult(result))
        headers["status"] = str(status)
        return status, *self._enrich_response(headers, body)

    def _perform(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        backend = emr_backends[ACCOUNT][self.region]
        assert isinstance(backend, EmrBackend)
        if operation in QUERIES:
            return QUERIES[operation](backend, request)
        if operation in COMMANDS:
            return COMMANDS[operation](backend, request) or {}
        raise ValidationException(f"The sandbox does not emulate {operation}.")


def install(site: Site, calls: ServiceCalls | None = None) -> None:
    """Put this EMR in the place of moto's; to be called before the first request.

    `calls` are those that EMR makes itself; without them nobody asks whether it may.
    """
    EmrBackend.site, EmrBackend.calls = site, calls
    emr_backends.backend = EmrBackend
    urls.url_paths = {"{0}/$": EmrResponse.dispatch}
