"""What STS was told about a role's session, which moto's STS forgets: source identity, tags, session policies.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.sts.models import AssumedRole, sts_backends
from moto.sts.responses import TokenResponse

from druid_reindex.sandbox.aws.site import ACCOUNT

PARTITION = "aws"


@dataclass(frozen=True)
class Session:
    """The facts of one session of a role; `transitive` are the tags that a chained session inherits."""

    role: AssumedRole
    source_identity: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: frozenset[str] = frozenset()
    has_policy: bool = False


_sessions: dict[str, Session] = {}
_assume_role = TokenResponse.assume_role


def install() -> None:
    """Let AssumeRole keep what it is told; to be called before the first request."""
    setattr(TokenResponse, "assume_role", _answer)  # noqa: B010 - moto's own method is replaced


def find(access_key_id: str) -> Session | None:
    """Return the session whose temporary key this is; None when STS issued none like it."""
    if access_key_id not in _sessions:
        role = sts_backends[ACCOUNT][PARTITION].get_assumed_role_from_access_key(access_key_id)
        if role is None:
            return None
        _sessions[access_key_id] = Session(role)
    return _sessions[access_key_id]


def _answer(response: TokenResponse) -> ActionResult:
    """AssumeRole: a chained session keeps its source identity and its transitive tags."""
    answer: dict[str, Any] = dict(_assume_role(response).result)  # type: ignore[call-overload]
    role = answer["Credentials"]
    before = find(response.get_access_key())
    inherited = {name: before.tags[name] for name in before.transitive} if before else {}
    parameter: Any = response._get_param
    given = {each["Key"]: each["Value"] for each in parameter("Tags") or []}
    source = (before.source_identity if before else "") or parameter("SourceIdentity") or ""
    _sessions[role.access_key_id] = Session(
        role,
        source,
        {**given, **inherited},
        frozenset(parameter("TransitiveTagKeys") or []) | frozenset(inherited),
        bool(parameter("Policy") or parameter("PolicyArns")),
    )
    return ActionResult({**answer, "SourceIdentity": source} if source else answer)
