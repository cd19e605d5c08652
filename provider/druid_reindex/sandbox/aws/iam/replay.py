"""Decisions that were recorded, and the same requests decided again under changed policies.

A record is a line of JSON: either the documents of one identity or one resource, as they were from there on, or one
decision. No body, signature or secret is in a record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from druid_reindex.sandbox.aws.iam.decisions import Decision, Kind, Outcome, Policies, Request, decide
from druid_reindex.sandbox.aws.iam.policies import Effect, Policy, policy
from druid_reindex.sandbox.aws.iam.principals import Principal

# Before a role's ARN: its trust policy, where the ARN alone stands for the policies of the role as an identity.
TRUST = "trust/"
# By the ARN of an identity or of a resource: its documents by name.
Deployed = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Recorded:
    """One decision as it fell.

    `owner` is whose policy took part as the resource's: an ARN (a role's after `TRUST`), or empty for none.
    """

    operation: str
    request: Request
    outcome: Outcome
    owner: str = ""
    kind: Kind = Kind.SUFFICIENT
    statements: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    unsupported: str = ""
    at: str = ""
    said: str = ""

    def line(self) -> str:
        """Return the record's line."""
        request, principal = self.request, self.request.principal
        written = {
            "at": self.at,
            "operation": self.operation,
            "principal": {name: value for name, value in vars(principal).items() if value or name != "service"},
            "action": request.action,
            "resource": request.resource,
            "context": {name: list(values) for name, values in request.context.items()},
            "decision": self.outcome,
            "statements": list(self.statements),
            "owner": self.owner,
            "kind": self.kind,
            "grants": list(self.grants),
            "unsupported": self.unsupported,
            "said": self.said,
        }
        return json.dumps(written, separators=(",", ":"))


@dataclass(frozen=True)
class Night:
    """What a file of records holds: its decisions, in their order, and the documents as they were last."""

    decisions: tuple[Recorded, ...] = ()
    deployed: Deployed = field(default_factory=dict)


def documents_line(arn: str, documents: Mapping[str, str]) -> str:
    """Return the record's line that says which documents an identity or a resource has from now on."""
    return json.dumps({"documents": dict(documents), "of": arn}, separators=(",", ":"))


def read(path: Path) -> Night:
    """Return the file's records; a last line that is not whole is left out."""
    decisions: list[Recorded] = []
    deployed: dict[str, Mapping[str, str]] = {}
    with path.open(encoding="utf-8") as handle:
        for line in handle:
            if not line.endswith("\n"):
                break
            written = json.loads(line)
            if "documents" in written:
                deployed[written["of"]] = written["documents"]
            else:
                decisions.append(_recorded(written))
    return Night(tuple(decisions), deployed)


def replay(recorded: Recorded, deployed: Deployed) -> Decision:
    """Return the decision on the recorded request under `deployed`; what is not in it has no policy."""
    resource = next(iter(_read(deployed.get(recorded.owner, {}))), None) if recorded.owner else None
    return decide(
        recorded.request,
        Policies(
            identity=tuple(_read(deployed.get(recorded.request.principal.identity, {}))),
            resource=resource,
            kind=recorded.kind,
            unsupported=recorded.unsupported,
            grants=recorded.grants,
        ),
    )


def without(deployed: Deployed, statement: str, arn: str) -> Deployed:
    """Return `deployed` without one statement of the identity or resource `arn`.

    `statement` is an id as decisions have it, policy and Sid or place. Raises KeyError when there is none like it.
    """
    name, _, sid = statement.partition("/")
    document = json.loads(deployed[arn][name])
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    left = [each for place, each in enumerate(statements, start=1) if (each.get("Sid") or str(place)) != sid]
    if len(left) == len(statements):
        raise KeyError(statement)
    changed = json.dumps(document | {"Statement": left})
    return {**deployed, arn: {**deployed[arn], name: changed}}


def statements(deployed: Deployed, arn: str, effect: Effect) -> list[str]:
    """Return the ids of the statements with this effect that the identity or resource `arn` has."""
    read = _read(deployed.get(arn, {}))
    return [each.id for document in read for each in document.statements if each.effect is effect]


def lost(night: Night, statement: str, arn: str) -> list[Recorded]:
    """Return which allowed requests would be denied without the statement. Raises KeyError as `without` does."""
    changed = without(night.deployed, statement, arn)
    return [
        each
        for each in night.decisions
        if each.outcome is Outcome.ALLOWED
        and arn in {each.request.principal.identity, each.owner}
        and not replay(each, changed).allowed
    ]


def _read(documents: Mapping[str, str]) -> Iterable[Policy]:
    return [policy(name, document) for name, document in documents.items()]


def _recorded(written: Mapping[str, Any]) -> Recorded:
    context = {name: tuple(values) for name, values in written["context"].items()}
    return Recorded(
        operation=written["operation"],
        request=Request(Principal(**written["principal"]), written["action"], written["resource"], context),
        outcome=Outcome(written["decision"]),
        owner=written["owner"],
        kind=Kind(written["kind"]),
        statements=tuple(written["statements"]),
        grants=tuple(written["grants"]),
        unsupported=written["unsupported"],
        at=written["at"],
        said=written["said"],
    )
