"""What a request to Redshift's Data API needs besides its own action: credentials of a database user, by IAM.

Sources: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftdataapi.html (the condition key),
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshift.html (resources)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.operations import Check
from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

SERVICE = "redshift-data"
OWNER_KEY = "redshift-data:statement-owner-iam-userid"
SUBMITTING = {"ExecuteStatement", "BatchExecuteStatement"}
_REDSHIFT = f"arn:{PARTITION}:redshift:{REGION}:{ACCOUNT}"
_owners: dict[str, tuple[str, ...]] = {}


def remember_owner(statement_id: str, caller: Caller) -> None:
    """Keep who submitted a statement, for policies that name the owner."""
    _owners[statement_id] = tuple(caller.context.get("aws:userid", ()))


def checks(operation: str, parameters: Mapping[str, Any]) -> Iterator[Check]:
    """Return the checks of a submission's credentials."""
    if operation not in SUBMITTING:
        return
    workgroup, cluster = parameters.get("WorkgroupName"), parameters.get("ClusterIdentifier", "*")
    if workgroup:
        arn = f"arn:{PARTITION}:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/*"
        yield Check("redshift-serverless:GetCredentials", arn)
        return
    database = f"{_REDSHIFT}:dbname:{cluster}/{parameters.get('Database', '*')}"
    user = parameters.get("DbUser")
    if user is None:
        yield Check("redshift:GetClusterCredentialsWithIAM", database)
        return
    about = {"redshift:dbuser": (str(user),), "redshift:dbname": (str(parameters.get("Database", "")),)}
    yield Check("redshift:GetClusterCredentials", f"{_REDSHIFT}:dbuser:{cluster}/{user}", about)


def with_owner(found: list[Check], parameters: Mapping[str, Any]) -> list[Check]:
    """Return the checks with the owner of the statement that the request is about, where it is about one."""
    owner = _owners.get(str(parameters.get("Id", "")).partition(":")[0])
    return [replace(each, context={**each.context, OWNER_KEY: owner}) for each in found] if owner else found
