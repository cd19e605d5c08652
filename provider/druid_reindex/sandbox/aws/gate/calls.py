"""What a signed request to a service other than S3 asks for: operation and parameters, from JSON or from a query.

Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html,
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl

from druid_reindex.sandbox.aws.gate.incoming import Incoming

# Signing names that are not the services' names in botocore.
SERVICES = {"elasticloadbalancing": "elbv2", "elasticmapreduce": "emr", "monitoring": "cloudwatch"}
BLOBS = ("CiphertextBlob",)
TARGET = "x-amz-target"


def service(signing_name: str) -> str:
    """Return botocore's name of the service that is signed for."""
    return SERVICES.get(signing_name, signing_name)


def speaks_json(incoming: Incoming) -> bool:
    """Return whether the request is one of the JSON protocols'."""
    return incoming.header(TARGET) is not None


def is_query(incoming: Incoming) -> bool:
    """Return whether the request is one of the query protocols'."""
    form = (incoming.header("content-type") or "").startswith("application/x-www-form-urlencoded")
    return "Action" in incoming.arguments or (form and b"Action=" in incoming.body)


def read(incoming: Incoming) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters; an empty operation when the request names none."""
    target = incoming.header(TARGET)
    if target is not None:
        return target.rpartition(".")[2], _json(incoming.body)
    pairs = dict(parse_qsl(incoming.body.decode("utf-8", "replace"), keep_blank_values=True)) or incoming.arguments
    return pairs.get("Action", ""), nested(pairs)


def nested(pairs: dict[str, str]) -> dict[str, Any]:
    """Return a query's parameters with their lists and structures: `Tags.member.1.Key` is `Tags[0]["Key"]`."""
    root: dict[str, Any] = {}
    for name, value in pairs.items():
        parts = [part for part in name.split(".") if part != "member"]
        node = root
        for part in parts[:-1]:
            below = node.setdefault(part, {})
            node = below if isinstance(below, dict) else {}
        node[parts[-1]] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(name.isdigit() for name in node):
        return [_listed(node[name]) for name in sorted(node, key=int)]
    return {name: _listed(value) for name, value in node.items()}


def _json(body: bytes) -> dict[str, Any]:
    try:
        parameters = json.loads(body or b"{}")
    except ValueError:
        return {}
    if not isinstance(parameters, dict):
        return {}
    for name in BLOBS:
        if isinstance(parameters.get(name), str):
            parameters[name] = base64.b64decode(parameters[name])
    return parameters
