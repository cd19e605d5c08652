"""Who asked, as a record says it.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html (sessions, source identity),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/logging-with-S3.html (anonymous requests are recorded, requests
whose credentials are not valid are not)
"""

from __future__ import annotations

from typing import Any

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.site import ACCOUNT

Json = dict[str, Any]

ANONYMOUS: Json = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
# An instance's session is named after it; its credentials came from the metadata service's second version.
INSTANCE, DELIVERY = "i-", "2.0"


def identity(caller: Caller, access_key_id: str) -> Json:
    """Return the `userIdentity` of who signed with the key."""
    principal = caller.principal
    if not principal.arn:
        return dict(ANONYMOUS)
    found: Json = {
        "type": "AssumedRole",
        "principalId": _value(caller, "aws:userid"),
        "arn": principal.arn,
        "accountId": ACCOUNT,
        "accessKeyId": access_key_id,
    }
    if _value(caller, "aws:principaltype") == "User":
        return {**found, "type": "IAMUser", "userName": _value(caller, "aws:username")}
    return {**found, "sessionContext": _session(caller)}


def service(name: str) -> Json:
    """Return the `userIdentity` of a service that asks for itself."""
    return {"type": "AWSService", "invokedBy": name}


def _session(caller: Caller) -> Json:
    role_id, _, name = _value(caller, "aws:userid").partition(":")
    role = caller.principal.identity
    found: Json = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": role_id,
            "arn": role,
            "accountId": ACCOUNT,
            "userName": role.rpartition("/")[2],
        },
        "attributes": {"creationDate": _value(caller, "aws:tokenissuetime"), "mfaAuthenticated": "false"},
    }
    if source := _value(caller, "aws:sourceidentity"):
        found["sourceIdentity"] = source
    if name.startswith(INSTANCE):
        found["ec2RoleDelivery"] = DELIVERY
    return found


def _value(caller: Caller, key: str) -> str:
    return next(iter(caller.context.get(key, ())), "")
