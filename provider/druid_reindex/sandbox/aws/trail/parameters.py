"""What a record says of a request's parameters and of an answer's fields: by botocore's model, without its secrets.

Names begin in lower case; what the model marks as sensitive is hidden, and bytes are left out.
Source: https://docs.aws.amazon.com/kms/latest/developerguide/ct-decrypt.html (ciphertext and plaintext are left out),
https://docs.aws.amazon.com/redshift/latest/mgmt/logging-with-cloudtrail.html (hidden and omitted fields),
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html (size)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import xmltodict
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel, Shape
from moto.core.utils import get_service_model

from druid_reindex.sandbox.aws.gate.operations import Parameters

Json = dict[str, Any]

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
OMITTED = "***OMITTED***"
# Fields that hold a secret or data and that botocore's model does not mark, with what stands in their place.
REPLACED = {
    "ADDomainJoinPassword": HIDDEN,
    "CrossRealmTrustPrincipalPassword": HIDDEN,
    "KdcAdminPassword": HIDDEN,
    "Parameters": HIDDEN,
    "SecretBinary": HIDDEN,
    "SecretString": HIDDEN,
    "SessionToken": HIDDEN,
    "Sql": OMITTED,
    "Sqls": OMITTED,
}
LEFT_OUT = frozenset({"SecretAccessKey"})
MOST_BYTES = 100 * 1024


def of_request(service: str, operation: str, given: Parameters) -> Json | None:
    """Return the record's `requestParameters`; None for a request without any."""
    model = _operation(service, operation)
    if model is None or model.input_shape is None:
        return None
    found = _structure(model.input_shape, given)
    return sized(found, "requestParameters") if found else None


def of_answer(service: str, operation: str, content: bytes, fields: Sequence[str]) -> Json | None:
    """Return the record's `responseElements`: these fields of a good answer; None when it has none of them."""
    model = _operation(service, operation)
    if model is None or model.output_shape is None or not fields:
        return None
    told = _told(model, content)
    found = _structure(model.output_shape, {name: told[name] for name in fields if told.get(name) is not None})
    return sized(found, "responseElements") if found else None


def sized(found: Json, name: str) -> Json:
    """Return `found`, or in its place that it is too large to be recorded."""
    size = len(json.dumps(found)) if len(found) > 1 or _is_long(found) else 0
    if size <= MOST_BYTES:
        return found
    return {"reason": f"{name} too large", "omitted": True, "originalSize": size}


def lowered(name: str) -> str:
    """Return the name as records have it."""
    return name[:1].lower() + name[1:]


def _is_long(found: Json) -> bool:
    return any(not isinstance(value, str) or len(value) > MOST_BYTES for value in found.values())


def _structure(shape: Any, given: Any) -> Json:
    """The members that are given, by the name that the API or, in EC2's protocol, the wire has for them."""
    if not isinstance(given, Mapping):
        return {}
    found: Json = {}
    for name, member in shape.members.items():
        value = given.get(name)
        if value is None:
            value = given.get(str(member.serialization.get("name", name)))
        if value is None or name in LEFT_OUT or member.type_name == "blob":
            continue
        found[lowered(name)] = REPLACED[name] if name in REPLACED else _recorded(member, value)
    return found


def _recorded(shape: Shape, value: Any) -> Any:
    if shape.metadata.get("sensitive"):
        return HIDDEN
    recorded = _RECORDED.get(shape.type_name)
    if recorded is not None:
        return recorded(shape, value)
    return value if isinstance(value, bool | int | float) else str(value)


def _list(shape: Any, value: Any) -> list[Any]:
    return [_recorded(shape.member, each) for each in (value if isinstance(value, list) else [value])]


def _map(shape: Any, value: Any) -> Json:
    return {str(name): _recorded(shape.value, each) for name, each in value.items()} if isinstance(value, dict) else {}


def _integer(_: Any, value: Any) -> Any:
    return int(value) if str(value).lstrip("-").isdigit() else str(value)


def _boolean(_: Any, value: Any) -> bool:
    return str(value).lower() == "true"


def _moment(_: Any, value: Any) -> str:
    """A moment as records word it in parameters and answers: `Jul 18, 2014 4:07:39 PM`."""
    is_number = isinstance(value, int | float)
    moment = datetime.fromtimestamp(value, UTC) if is_number else datetime.fromisoformat(str(value))
    return f"{moment:%b} {moment.day}, {moment:%Y} {moment.hour % 12 or 12}:{moment:%M:%S %p}"


def _told(model: OperationModel, content: bytes) -> Mapping[str, Any]:
    if content[:1] == b"{":
        parsed: Mapping[str, Any] = json.loads(content)
        return parsed
    if content[:1] != b"<":
        return {}
    answer = next(iter(xmltodict.parse(content).values()))
    result = answer.get(f"{model.name}Result", answer)
    return result if isinstance(result, Mapping) else {}


_RECORDED: Mapping[str, Callable[[Any, Any], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "integer": _integer,
    "long": _integer,
    "boolean": _boolean,
    "timestamp": _moment,
}


@cache
def _service(name: str) -> ServiceModel:
    return get_service_model(name)


@cache
def _operation(service: str, name: str) -> OperationModel | None:
    """botocore's model of the operation; None for one that is not there."""
    try:
        return _service(service).operation_model(name)
    except OperationNotFoundError:
        return None
