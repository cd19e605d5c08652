"""Which actions and resources a request of any service but S3 is about: `operations.csv`, read row by row.

A row's `action` is empty where it has the operation's name; `when` names the parameter without which the row does not
apply; `resource` is `*` or `kind:parameter`, where a parameter that is absent stands for every resource of the kind,
and `kind:a+b` is the path that two parameters make.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends

from druid_reindex.sandbox.aws.gate import identities
from druid_reindex.sandbox.aws.gate.keys import ciphertext_key, key_arn
from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

Context = Mapping[str, tuple[str, ...]]
Parameters = Mapping[str, Any]

EVERY = "*"
PREFIXES = {"elbv2": "elasticloadbalancing", "emr": "elasticmapreduce"}
_OWN = f"{REGION}:{ACCOUNT}"
ARNS = {
    "cluster": f"arn:{PARTITION}:elasticmapreduce:{_OWN}:cluster/",
    "user": f"arn:{PARTITION}:iam::{ACCOUNT}:user/",
    "group": f"arn:{PARTITION}:iam::{ACCOUNT}:group/",
    "instance-profile": f"arn:{PARTITION}:iam::{ACCOUNT}:instance-profile/",
    "policy-name": f"arn:{PARTITION}:iam::{ACCOUNT}:policy/",
    "alias": f"arn:{PARTITION}:kms:{_OWN}:",
    "instance": f"arn:{PARTITION}:ec2:{_OWN}:instance/",
    "security-group": f"arn:{PARTITION}:ec2:{_OWN}:security-group/",
    "stack": f"arn:{PARTITION}:cloudformation:{_OWN}:stack/",
    "log-group": f"arn:{PARTITION}:logs:{_OWN}:log-group:",
    "topic": f"arn:{PARTITION}:sns:{_OWN}:",
    "trail": f"arn:{PARTITION}:cloudtrail:{_OWN}:trail/",
    "secret": f"arn:{PARTITION}:secretsmanager:{_OWN}:secret:",
    "redshift-cluster": f"arn:{PARTITION}:redshift:{_OWN}:cluster:",
    "redshift-dbname": f"arn:{PARTITION}:redshift:{_OWN}:dbname:",
    "redshift-workgroup": f"arn:{PARTITION}:redshift-serverless:{_OWN}:workgroup/",
    "arn": "",
    "identity": "",
}
# What follows a name in the ARN of its kind: a stack's id, six characters of a secret, a log group's streams.
ENDINGS = {"stack": "/*", "secret": "-??????", "log-group": ":*"}


class Owner(StrEnum):
    """Whose own policy takes part in a decision."""

    NONE = ""
    BUCKET = "bucket"
    KEY = "key"
    ROLE = "role"


@dataclass(frozen=True)
class Check:
    """One action on one resource that a request needs, and which resource's policy has a say in it."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    owner: Owner = Owner.NONE
    owner_arn: str = ""


@dataclass(frozen=True)
class Row:
    """One row of the table, for one operation."""

    action: str
    kind: str
    parameters: tuple[str, ...]
    when: str
    context: Context


def checks(service: str, operation: str, parameters: Parameters) -> list[Check] | None:
    """Return what the request needs; None when the table does not have the operation."""
    rows = _table().get((service, operation))
    if rows is None:
        return None
    about = _context(service, parameters)
    return [
        check for row in rows if not row.when or parameters.get(row.when) for check in _checks(row, parameters, about)
    ]


def _checks(row: Row, parameters: Parameters, about: Context) -> Iterable[Check]:
    for resource in _resources(row, parameters):
        owner = {"key": Owner.KEY, "role": Owner.ROLE}.get(row.kind, Owner.NONE)
        if owner is Owner.ROLE and not row.action.startswith("sts:"):
            owner = Owner.NONE
        yield Check(row.action, resource, {**about, **row.context}, owner, resource if owner else "")


def _resources(row: Row, parameters: Parameters) -> list[str]:
    if row.kind == EVERY:
        return [EVERY]
    value = next((found for name in row.parameters if (found := _value(name, parameters))), None)
    return [resource(row.kind, each) for each in (value if isinstance(value, list) else [value])]


def _value(name: str, parameters: Parameters) -> Any:
    """The parameter's value; of two, `a+b`, the path that they make, in which an absent one stands for every one."""
    first, _, second = name.partition("+")
    return parameters.get(first) if not second else f"{parameters.get(first, EVERY)}/{parameters.get(second, EVERY)}"


def resource(kind: str, value: Any) -> str:
    """Return the ARN of what the parameter's value names, which may be an ARN already."""
    if kind == "key":
        return ciphertext_key(value) if isinstance(value, bytes) else key_arn(value)
    if kind == "secret" and value is not None:
        return _secret_arn(str(value))
    if kind == "role":
        return identities.role_arn(str(value))
    if kind == "profile":
        return identities.profile_role_arn(str(value))
    if value is None:
        return f"{ARNS[kind]}{EVERY}"
    text = str(value)
    return text if text.startswith("arn:") else f"{ARNS[kind]}{text}{ENDINGS.get(kind, '')}"


def _secret_arn(name: str) -> str:
    """The secret's own ARN, with its six characters; for one that is not there yet, what stands for them."""
    secrets: Any = secretsmanager_backends[ACCOUNT][REGION].secrets
    if name in secrets:
        return str(secrets[name].arn)
    return name if name.startswith("arn:") else f"{ARNS['secret']}{name}{ENDINGS['secret']}"


def _context(service: str, parameters: Parameters) -> Context:
    """The condition keys that come from the request's parameters."""
    found: dict[str, tuple[str, ...]] = {}
    tags = _tags(parameters.get("Tags"))
    if tags:
        found["aws:tagkeys"] = tuple(tags)
        prefixes = ("aws", "elasticmapreduce") if service == "emr" else ("aws",)
        for name, value in tags.items():
            found |= {f"{prefix}:requesttag/{name.lower()}": (value,) for prefix in prefixes}
    for name in _NAMED.get(service, ()):
        given = parameters.get(name)
        values = given if isinstance(given, list) else [given]
        if given is not None and values:
            found[f"{service}:{name.lower()}"] = tuple(str(each) for each in values)
    encryption = parameters.get("EncryptionContext") if service == "kms" else None
    return found | (encryption_context(encryption) if encryption else {})


def encryption_context(pairs: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys of a KMS request's encryption context.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context
    """
    values = {f"kms:encryptioncontext:{name.lower()}": (str(value),) for name, value in pairs.items()}
    return {"kms:encryptioncontextkeys": tuple(pairs), **values}


_NAMED = {
    "sts": ("RoleSessionName", "SourceIdentity", "ExternalId", "TransitiveTagKeys", "DurationSeconds"),
    "iam": ("PermissionsBoundary", "PolicyARN"),
    "secretsmanager": ("SecretId", "VersionStage", "VersionId", "KmsKeyId", "Name"),
    "kms": ("KeySpec", "EncryptionAlgorithm", "GrantOperations", "BypassPolicyLockoutSafetyCheck"),
}


def _tags(written: Any) -> dict[str, str]:
    if not isinstance(written, list):
        return {}
    pairs = ((each.get("Key") or each.get("TagKey"), each.get("Value") or each.get("TagValue")) for each in written)
    return {str(name): str(value or "") for name, value in pairs if name}


@cache
def _table() -> dict[tuple[str, str], list[Row]]:
    table: dict[tuple[str, str], list[Row]] = {}
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as handle:
        for written in csv.DictReader(handle):
            for operation in written["operations"].split():
                row = _row(written, operation)
                table.setdefault((written["service"], operation), []).append(row)
    return table


def _row(written: Mapping[str, str], operation: str) -> Row:
    service = written["service"]
    kind, _, parameters = written["resource"].partition(":")
    key, _, value = written["context"].partition("=")
    return Row(
        action=written["action"] or f"{PREFIXES.get(service, service)}:{operation}",
        kind=kind,
        parameters=tuple(parameters.split("|")),
        when=written["when"],
        context={key.lower(): (value,)} if key else {},
    )
