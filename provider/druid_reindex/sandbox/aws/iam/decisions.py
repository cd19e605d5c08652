"""The decision on one request.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html,
https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html (a key's policy decides),
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html (the wording)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from druid_reindex.sandbox.aws.iam.patterns import Context
from druid_reindex.sandbox.aws.iam.policies import Effect, Policy, Statement
from druid_reindex.sandbox.aws.iam.principals import Named, Principal


class Outcome(StrEnum):
    """The three answers, as SimulatePrincipalPolicy writes them."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicitDeny"
    EXPLICIT_DENY = "explicitDeny"


class Basis(StrEnum):
    """The kind of policy that decided, in the words of AWS's messages."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"


class Kind(StrEnum):
    """What a resource's own policy means: one of two that may allow, or the one without which nothing is allowed."""

    SUFFICIENT = "sufficient"
    NECESSARY = "necessary"


@dataclass(frozen=True)
class Request:
    """One action on one resource; the keys of `context` are in lower case."""

    principal: Principal
    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True)
class Policies:
    """What applies to a request. `account` owns the resource; empty when that is the caller's account.

    `kind` NECESSARY is for a key's or a trust policy: it has to name the principal, or its account and with that IAM.
    `unsupported` names what applies too and is not evaluated: a permissions boundary, a session policy. `grants` are
    those of a key that allow this request.
    """

    identity: tuple[Policy, ...] = ()
    resource: Policy | None = None
    kind: Kind = Kind.SUFFICIENT
    account: str = ""
    unsupported: str = ""
    grants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The answer, the statements that gave it, and `problem`: why policies could not be evaluated at all."""

    outcome: Outcome
    statements: tuple[str, ...] = ()
    basis: Basis = Basis.IDENTITY
    problem: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the request may pass."""
        return self.outcome is Outcome.ALLOWED


def decide(request: Request, policies: Policies) -> Decision:
    """Return the decision: a deny that matches wins, then an allow that suffices, and nothing that matches denies."""
    problem = _problem(policies)
    if problem:
        return Decision(Outcome.EXPLICIT_DENY, problem=problem)
    identity = _applying(policies.identity, request)
    resource = [
        (statement, named)
        for statement in _applying([policies.resource] if policies.resource else [], request)
        if (named := statement.names(request.principal)) is not Named.NOT
    ]
    if denied := _ids(identity, Effect.DENY):
        return Decision(Outcome.EXPLICIT_DENY, denied, Basis.IDENTITY)
    if denied := _ids((each for each, _ in resource), Effect.DENY):
        return Decision(Outcome.EXPLICIT_DENY, denied, Basis.RESOURCE)
    if policies.grants:
        return Decision(Outcome.ALLOWED, policies.grants, Basis.RESOURCE)
    return _allowed(request, policies, _ids(identity, Effect.ALLOW), resource)


def _allowed(
    request: Request, policies: Policies, by_identity: tuple[str, ...], resource: Sequence[tuple[Statement, Named]]
) -> Decision:
    itself = _ids((each for each, named in resource if named is Named.ITSELF), Effect.ALLOW)
    account = _ids((each for each, named in resource if named is Named.ACCOUNT), Effect.ALLOW)
    foreign = policies.account not in {"", request.principal.account} and request.principal.account != ""
    if itself and not foreign:
        return Decision(Outcome.ALLOWED, itself, Basis.RESOURCE)
    if foreign or policies.kind is Kind.NECESSARY:
        if not (itself or account):
            return Decision(Outcome.IMPLICIT_DENY, basis=Basis.RESOURCE)
        if by_identity:
            return Decision(Outcome.ALLOWED, (*by_identity, *itself, *account))
        return Decision(Outcome.IMPLICIT_DENY)
    return Decision(Outcome.ALLOWED, by_identity) if by_identity else Decision(Outcome.IMPLICIT_DENY)


def message(request: Request, decision: Decision) -> str:
    """Return AWS's sentence about a refused request, S3's resources in quotes; or what could not be evaluated."""
    why = {
        Outcome.EXPLICIT_DENY: f"with an explicit deny in {_article(decision.basis)}",
        Outcome.IMPLICIT_DENY: f"because no {decision.basis} allows the {request.action} action",
    }[decision.outcome]
    if decision.problem:
        why = f"because {decision.problem}"
    subject = f"User: {request.principal} is not authorized to perform: {request.action}"
    resource = f'"{request.resource}"' if request.action.startswith("s3:") else request.resource
    return f"{subject} on resource: {resource} {why}"


def _article(basis: Basis) -> str:
    return f"an {basis}" if basis is Basis.IDENTITY else f"a {basis}"


def _problem(policies: Policies) -> str:
    named = [each.problem for each in (*policies.identity, policies.resource) if each is not None and each.problem]
    if policies.unsupported:
        named.append(f"the sandbox does not evaluate {policies.unsupported}")
    return "; ".join(named)


def _applying(policies: Iterable[Policy], request: Request) -> list[Statement]:
    return [
        statement
        for each in policies
        for statement in each.statements
        if statement.applies(request.action, request.resource, request.context)
    ]


def _ids(statements: Iterable[Statement], effect: Effect) -> tuple[str, ...]:
    return tuple(each.id for each in statements if each.effect is effect)
