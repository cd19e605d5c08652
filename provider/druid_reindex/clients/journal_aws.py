"""Writes what boto3 and aiobotocore send into the journal: one hook on a session's events, the same for both.

Each request that is sent is a call of its own, so also each repetition, and is written as soon as its answer, or the
lack of one, is known, before anybody uses it. What is written is named here: of a request's parameters those that are
names of resources, of an answer those and its request id; never a body, a statement's text, a header or a secret.

Sources: https://docs.aws.amazon.com/boto3/latest/guide/events.html,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from druid_reindex.clients.journal import Journal
from druid_reindex.model.aws_call import AwsCall

_HOOK = "druid-reindex-journal"
_ASKED = "druid_reindex_asked"
_SIGNED = "druid_reindex_signed"
_DOMAIN = ".amazonaws.com"
_EMR = "elasticmapreduce"
# Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d{8}/(?:([^/]+)/)?[^/]+/aws4_request")
# What CloudTrail calls a service whose endpoint is called otherwise: the samples of records in the services' guides.
# Sources: https://docs.aws.amazon.com/ses/latest/dg/logging-using-cloudtrail.html,
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html,
# https://docs.aws.amazon.com/sagemaker/latest/dg/logging-using-cloudtrail.html
_EVENT_SOURCES = {"email": "ses", "api.ecr": "ecr", "api.sagemaker": "sagemaker"}
_REQUEST_IDS = ("x-amzn-requestid", "x-amz-request-id")
# Parameters and members of answers that name a resource, whatever the service.
_NAMES = frozenset({
    "ClusterId", "ClusterIdentifier", "Id", "JobFlowId", "JobFlowIds", "KeyId", "RoleArn", "RoleName", "SSEKMSKeyId",
    "SecretId", "SecurityConfiguration", "StatementName", "StepId", "StepIds", "TrailName", "WorkgroupName",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is known of a call before it is sent."""

    event_source: str
    operation: str
    resources: tuple[str, ...]


class Recorder:
    """Follows a session's requests, and writes each into ``journal``."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def register(self, events: Any) -> None:
        """Listen to a session's ``events`` for the clients that are made from now on; twice is as good as once."""
        events.register("before-parameter-build", self.asked, unique_id=f"{_HOOK}-asked")
        events.register_last("request-created", self.signed, unique_id=f"{_HOOK}-signed")
        events.register_first("response-received", self.answered, unique_id=f"{_HOOK}-answered")

    def asked(self, params: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        """A call is about to be made, once for all its requests."""
        prefix, region = model.service_model.endpoint_prefix, str(context.get("client_region") or "")
        resources = tuple(_resources(params, prefix, region)) if isinstance(params, Mapping) else ()
        context[_ASKED] = _Asked(event_source(prefix), model.name, resources)

    def signed(self, request: Any, **_: Any) -> None:
        """A request is about to be sent: by which key, and when."""
        request.context[_SIGNED] = (datetime.now(UTC), request.headers.get("Authorization"))

    def answered(
        self, context: dict[str, Any], response_dict: Any, parsed_response: Any, exception: Any, **_: Any
    ) -> None:
        """A request was answered, or it was not."""
        asked: _Asked = context[_ASKED]
        attempted_at, authorization = context[_SIGNED]
        access_key_id, region = _signer(authorization)
        answer = parsed_response if isinstance(parsed_response, Mapping) else {}
        told = _named(answer)
        resources = tuple(dict.fromkeys((*asked.resources, *told))) if told else asked.resources
        self._journal.add(
            AwsCall(
                attempted_at=attempted_at,
                event_source=asked.event_source,
                operation=asked.operation,
                region=region or str(context.get("client_region") or ""),
                account=self._journal.account,
                access_key_id=access_key_id,
                request_id=_request_id(response_dict, answer),
                status=response_dict["status_code"] if response_dict else None,
                error_code=_error_code(answer, exception),
                resources=resources,
                run=self._journal.run,
                task=self._journal.task,
                host_id=response_dict["headers"].get("x-amz-id-2") if response_dict else None,
            )
        )


def event_source(endpoint_prefix: str) -> str:
    """What CloudTrail calls the service that has this prefix of its endpoints."""
    return _EVENT_SOURCES.get(endpoint_prefix, endpoint_prefix) + _DOMAIN


def _resources(params: Mapping[str, Any], endpoint_prefix: str, region: str) -> Iterator[str]:
    """The bucket's or the object's ARN, and what else is named."""
    bucket = params.get("Bucket")
    if isinstance(bucket, str):
        partition = _PARTITIONS.get(region.rsplit("-", 2)[0], "aws")
        arn = bucket if bucket.startswith("arn:") else f"arn:{partition}:s3:::{bucket}"
        key = params.get("Key")
        yield f"{arn}/{key}" if isinstance(key, str) else arn
    yield from _named(params)
    if endpoint_prefix == _EMR and isinstance(params.get("Name"), str):
        yield params["Name"]


def _named(document: Mapping[str, Any]) -> list[str]:
    """The names of resources in a request's parameters or in an answer, in the order of what they are called.

    What EMR calls SecurityConfiguration is a name in one request and a whole document in others, which is a body.
    """
    told: list[str] = []
    for name in sorted(_NAMES.intersection(document)):
        found = document[name]
        told += [each for each in (found if isinstance(found, list) else [found]) if _is_name(each)]
    return told


def _is_name(found: Any) -> bool:
    return isinstance(found, str) and not found.lstrip().startswith("{")


def _signer(authorization: Any) -> tuple[str, str]:
    """Access key id and Region of a signature of version 4; empty for a request that is not signed so.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
    """
    text = authorization.decode() if isinstance(authorization, bytes) else authorization or ""
    found = _CREDENTIAL.search(text)
    return (found[1], found[2] or "") if found else ("", "")


def _request_id(response: Any, answer: Mapping[str, Any]) -> str | None:
    """The id that CloudTrail has as requestID."""
    if not response:
        return None
    headers = response["headers"]
    found = next((headers[name] for name in _REQUEST_IDS if name in headers), None)
    said = found or answer.get("ResponseMetadata", {}).get("RequestId")
    return str(said) if said else None


def _error_code(answer: Mapping[str, Any], exception: Any) -> str | None:
    """What went wrong; an answer may have a text of its own that is called Error, as Redshift's of a statement."""
    if exception is not None:
        return type(exception).__name__
    error = answer.get("Error")
    code = error.get("Code") if isinstance(error, Mapping) else None
    return str(code) if code else None
