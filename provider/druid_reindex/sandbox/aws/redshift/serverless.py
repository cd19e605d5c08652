"""Redshift Serverless as far as operators need it: namespaces, workgroups, and the database behind them.

A workgroup's database is the sandbox's one PostgreSQL database, as is the cluster's: what one writes the other reads.
Source: https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import uuid
from typing import Any

from druid_reindex.sandbox.aws.redshift.model import Target
from druid_reindex.sandbox.aws.redshift.refusals import ApiRefusal, validation
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

Json = dict[str, Any]

ADMINISTRATOR = "admin"
_CONFLICT, _NOT_FOUND = "ConflictException", "ResourceNotFoundException"
_ARN = f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}"
_namespaces: dict[str, Json] = {}
_workgroups: dict[str, Json] = {}


def forget() -> None:
    """Drop every namespace and workgroup, as a new account has none."""
    _namespaces.clear()
    _workgroups.clear()


def create_namespace(request: Json) -> Json:
    """CreateNamespace."""
    name = _new(_namespaces, request, "namespaceName")
    number = str(uuid.uuid4())
    roles = [str(each) for each in request.get("iamRoles", [])]
    _namespaces[name] = {
        "namespaceName": name,
        "namespaceId": number,
        "namespaceArn": f"{_ARN}:namespace/{number}",
        "dbName": request.get("dbName", "dev"),
        "adminUsername": request.get("adminUsername", ADMINISTRATOR),
        "defaultIamRoleArn": request.get("defaultIamRoleArn", ""),
        "iamRoles": roles,
        "kmsKeyId": request.get("kmsKeyId", "AWS_OWNED_KMS_KEY"),
        "status": "AVAILABLE",
    }
    return {"namespace": _namespaces[name]}


def create_workgroup(request: Json) -> Json:
    """CreateWorkgroup. Raises ApiRefusal when its namespace is not there."""
    name = _new(_workgroups, request, "workgroupName")
    namespace = _found(_namespaces, request, "namespaceName")
    number = str(uuid.uuid4())
    _workgroups[name] = {
        "workgroupName": name,
        "workgroupId": number,
        "workgroupArn": f"{_ARN}:workgroup/{number}",
        "namespaceName": namespace["namespaceName"],
        "baseCapacity": request.get("baseCapacity", 128),
        "enhancedVpcRouting": bool(request.get("enhancedVpcRouting", False)),
        "publiclyAccessible": bool(request.get("publiclyAccessible", False)),
        "status": "AVAILABLE",
    }
    return {"workgroup": _workgroups[name]}


def get_namespace(request: Json) -> Json:
    """GetNamespace."""
    return {"namespace": _found(_namespaces, request, "namespaceName")}


def get_workgroup(request: Json) -> Json:
    """GetWorkgroup."""
    return {"workgroup": _found(_workgroups, request, "workgroupName")}


def list_workgroups(request: Json) -> Json:
    """ListWorkgroups, in one page."""
    del request
    return {"workgroups": list(_workgroups.values())}


def target(name: str) -> Target:
    """Return the database of the workgroup with this name or ARN. Raises ApiRefusal when there is none."""
    found = next((each for each in _workgroups.values() if name in {each["workgroupName"], each["workgroupArn"]}), None)
    if found is None:
        raise validation("Redshift endpoint doesn't exist in this region.")
    namespace = _namespaces[found["namespaceName"]]
    default = namespace["defaultIamRoleArn"]
    roles = dict.fromkeys([*([default] if default else []), *namespace["iamRoles"]])
    return Target(str(found["workgroupName"]), str(namespace["dbName"]), REGION, tuple(roles), is_workgroup=True)


def arn(name: str) -> str:
    """Return the workgroup's ARN, or the pattern of every one when it is not there."""
    found = _workgroups.get(name)
    return str(found["workgroupArn"]) if found else f"{_ARN}:workgroup/*"


def _new(known: dict[str, Json], request: Json, parameter: str) -> str:
    name = str(request[parameter])
    if name in known:
        raise ApiRefusal(_CONFLICT, f"{name} already exists.")
    return name


def _found(known: dict[str, Json], request: Json, parameter: str) -> Json:
    name = str(request[parameter])
    if name not in known:
        raise ApiRefusal(_NOT_FOUND, f"The resource {name} could not be found.")
    return known[name]


OPERATIONS = {
    "CreateNamespace": create_namespace,
    "CreateWorkgroup": create_workgroup,
    "GetNamespace": get_namespace,
    "GetWorkgroup": get_workgroup,
    "ListWorkgroups": list_workgroups,
}
