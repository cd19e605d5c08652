"""Who signed, from moto's users, roles and sessions, and which policies apply to them.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (the principal's keys)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import iam_backends

from druid_reindex.sandbox.aws.gate import sessions
from druid_reindex.sandbox.aws.gate.sessions import PARTITION, Session
from druid_reindex.sandbox.aws.gate.signatures import Fault, SignatureError
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.site import ACCOUNT

Context = Mapping[str, tuple[str, ...]]
Documents = Mapping[str, str]

BOUNDARY, SESSION_POLICY = "a permissions boundary", "a session policy"


@dataclass(frozen=True)
class Caller:
    """Who asks, the secret that proves it, what the context says about them, and what of theirs is not evaluated."""

    principal: Principal
    secret: str = field(default="", repr=False)
    context: Context = field(default_factory=dict)
    unsupported: str = ""


ANONYMOUS = Caller(Principal(), context={"aws:principaltype": ("Anonymous",)})


def caller(access_key_id: str, token: str | None, now: datetime) -> Caller:
    """Return whose access key this is. Raises SignatureError for a key or token that is unknown or has expired."""
    key = _iam().access_keys.get(access_key_id)
    if key is not None and key.user_name:
        if token or key.status != "Active":
            raise SignatureError(Fault.INVALID_TOKEN if token else Fault.UNKNOWN_KEY)
        return _user(key)
    session = sessions.find(access_key_id)
    if session is None:
        raise SignatureError(Fault.UNKNOWN_KEY)
    if token != session.role.session_token:
        raise SignatureError(Fault.INVALID_TOKEN)
    if session.role.expiration.replace(tzinfo=UTC) <= now:
        raise SignatureError(Fault.EXPIRED_TOKEN)
    return _session(session)


def documents(identity_arn: str) -> Documents:
    """Return the identity's policies by name: inline, attached and, for a user, those of its groups; empty for none."""
    owner = identity(identity_arn)
    if owner is None:
        return {}
    found = dict(_documents(owner))
    if ":user/" in identity_arn:
        for group in _iam().get_groups_for_user(owner.name):
            found |= dict(_documents(group))
    return found


def identity(arn: str) -> Any:
    """Return moto's user or role with the ARN; None when there is none."""
    iam = _iam()
    owners: Iterable[Any] = iam.users.values() if ":user/" in arn else iam.roles.values()
    return next((each for each in owners if each.arn == arn), None)


def role_arn(name: str) -> str:
    """Return the ARN of the role with the name or ARN, or the one that it would have."""
    if name.startswith("arn:"):
        return name
    found = next((each.arn for each in _iam().roles.values() if each.name == name), None)
    return str(found or f"arn:{PARTITION}:iam::{ACCOUNT}:role/{name}")


def profile_role_arn(profile: str) -> str:
    """Return the ARN of the role in the instance profile with the name or ARN, or the one that it would have."""
    name = profile.rpartition("/")[2]
    profiles = (each for each in _iam().instance_profiles.values() if each.name == name)
    roles: list[Any] = next((each.roles for each in profiles), [])
    return str(roles[0].arn) if roles else role_arn(name)


def _iam() -> Any:
    return iam_backends[ACCOUNT][PARTITION]


def _documents(owner: Any) -> Iterable[tuple[str, str]]:
    yield from owner.policies.items()
    for managed in owner.managed_policies.values():
        for version in managed.versions:
            if version.is_default_version:
                yield managed.name, version.document


def _user(key: Any) -> Caller:
    user = _iam().users[key.user_name]
    context = {
        "aws:username": (user.name,),
        "aws:userid": (user.id,),
        "aws:principaltype": ("User",),
        **_principal_keys(user.arn, {each["Key"]: each["Value"] for each in _iam().list_user_tags(user.name)}),
    }
    principal = Principal(user.arn, user.arn, ACCOUNT)
    unsupported = BOUNDARY if getattr(user, "permissions_boundary_arn", None) else ""
    return Caller(principal, key.secret_access_key, context, unsupported)


def _session(session: Session) -> Caller:
    role = session.role
    owner = identity(role.role_arn)
    tags = {each["Key"]: each["Value"] for each in owner.tags or []} if owner else {}
    issued = role.access_key.create_date.replace(tzinfo=UTC)
    context = {
        "aws:userid": (role.user_id,),
        "aws:principaltype": ("AssumedRole",),
        "aws:tokenissuetime": (issued.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:multifactorauthpresent": ("false",),
        **({"aws:sourceidentity": (session.source_identity,)} if session.source_identity else {}),
        **_principal_keys(role.role_arn, {**tags, **session.tags}),
    }
    unsupported = SESSION_POLICY if session.has_policy else ""
    if owner is not None and owner.permissions_boundary_arn:
        unsupported = BOUNDARY
    return Caller(Principal(role.arn, role.role_arn, ACCOUNT), role.secret_access_key, context, unsupported)


def _principal_keys(arn: str, tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        "aws:principalarn": (arn,),
        "aws:principalaccount": (ACCOUNT,),
        "aws:principalisawsservice": ("false",),
        **{f"aws:principaltag/{name.lower()}": (value,) for name, value in tags.items()},
    }
