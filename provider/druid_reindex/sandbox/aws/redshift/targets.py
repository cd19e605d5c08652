"""Which database a request is for, and as which of its users the caller comes.

Sources: https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-calling.html
"""

from __future__ import annotations

from typing import Any

from moto.redshift.models import redshift_backends

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.redshift import serverless
from druid_reindex.sandbox.aws.redshift.model import Target
from druid_reindex.sandbox.aws.redshift.refusals import validation
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

Json = dict[str, Any]


def cluster(name: str) -> Any:
    """Return moto's cluster; None when there is none of this name."""
    found: Any = redshift_backends[ACCOUNT][REGION].clusters
    return found.get(name)


def target(request: Json) -> Target:
    """Return the database that the request names. Raises ApiRefusal when it does not exist."""
    name, workgroup = request.get("ClusterIdentifier"), request.get("WorkgroupName")
    if bool(name) == bool(workgroup):
        raise validation("Exactly one of ClusterIdentifier and WorkgroupName is required.")
    database = str(request.get("Database") or "")
    if not database:
        raise validation("Database is required.")
    found = _of_cluster(str(name)) if name else serverless.target(str(workgroup))
    if database != found.database:
        raise validation(f'FATAL: database "{database}" does not exist')
    return found


def _of_cluster(name: str) -> Target:
    found = cluster(name)
    if found is None:
        raise validation("Redshift endpoint doesn't exist in this region.")
    return Target(name, str(found.db_name), REGION, tuple(found.iam_roles_arn))


def master(wanted: Target) -> str:
    """Return the name of the database's superuser."""
    if wanted.is_workgroup:
        return serverless.ADMINISTRATOR
    return str(cluster(wanted.name).master_username)


def user(caller: Caller) -> str:
    """Return the database user of an IAM identity: `IAMR:<role>` for a role's session, `IAM:<name>` for a user."""
    identity = caller.principal.identity
    prefix = "IAMR" if ":role/" in identity else "IAM"
    return f"{prefix}:{identity.rpartition('/')[2]}"


def user_arn(wanted: Target, name: str) -> str:
    """Return the ARN by which Redshift calls one of its users."""
    return f"arn:aws:redshift:{wanted.region}:{ACCOUNT}:dbuser:{wanted.name}/{name}"
