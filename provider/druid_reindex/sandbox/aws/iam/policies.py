"""A policy document, read once. What cannot be evaluated makes the policy deny by name, never match or pass.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from druid_reindex.sandbox.aws.iam import conditions
from druid_reindex.sandbox.aws.iam.conditions import Condition, UnknownOperator
from druid_reindex.sandbox.aws.iam.patterns import CACHED, Context, matches, resolvable
from druid_reindex.sandbox.aws.iam.principals import Named, Principal, Principals, partly_wild

VERSIONS = ("2012-10-17", "2008-10-17")
WITH_VARIABLES = VERSIONS[0]
_ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_PRINCIPAL_TYPES = {"AWS", "Service", "Federated", "CanonicalUser"}


class Malformed(ValueError):
    """What a document says that cannot be evaluated."""


class Effect(StrEnum):
    """What a statement does when it matches."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True)
class Statement:
    """One statement; `id` is the policy's name and the Sid, or the statement's place, from 1."""

    id: str
    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    principals: Principals | None = None
    not_actions: bool = False
    not_resources: bool = False
    not_principals: bool = False
    variables: bool = True

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Return whether action, resource and conditions match. A statement without resources is about its own."""
        if any(matches(each, action.lower()) for each in self.actions) == self.not_actions:
            return False
        known = context if self.variables else None
        if self.not_resources and not all(resolvable(each, known) for each in self.resources):
            return False
        if self.resources and any(matches(each, resource, known) for each in self.resources) == self.not_resources:
            return False
        return all(each.holds(context, variables=self.variables) for each in self.conditions)

    def names(self, principal: Principal) -> Named:
        """Return how the statement of a resource's policy names the principal."""
        if self.principals is None:
            return Named.NOT
        if self.not_principals:
            return Named.NOT if self.principals.spares(principal) else Named.ITSELF
        return self.principals.names(principal)


@dataclass(frozen=True)
class Policy:
    """A document's statements; `problem`, when it has one, is why nothing it touches can be allowed."""

    name: str
    statements: tuple[Statement, ...] = ()
    problem: str = ""


@lru_cache(CACHED)
def policy(name: str, document: str) -> Policy:
    """Return the policy in the JSON text `document`; equal texts are read once."""
    try:
        return Policy(name, tuple(_statements(name, json.loads(document))))
    except (Malformed, json.JSONDecodeError) as error:
        return Policy(name, problem=f"policy {name} cannot be evaluated: {error}")


def _statements(name: str, document: Any) -> Iterable[Statement]:
    if not isinstance(document, dict) or "Statement" not in document:
        raise Malformed("it has no Statement")
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise Malformed(f"unknown Version {version}")
    for place, each in enumerate(_list(document["Statement"]), start=1):
        yield _statement(f"{name}/{each.get('Sid') or place}", each, variables=version == WITH_VARIABLES)


def _statement(identifier: str, written: Mapping[str, Any], *, variables: bool) -> Statement:
    unknown = written.keys() - _ELEMENTS
    if unknown:
        raise Malformed(f"{identifier} has the unknown element {min(unknown)}")
    try:
        effect = Effect(written.get("Effect", ""))
    except ValueError as error:
        raise Malformed(f"{identifier} has no Effect") from error
    actions, not_actions = _either(identifier, written, "Action")
    if not actions:
        raise Malformed(f"{identifier} has no Action")
    resources, not_resources = _either(identifier, written, "Resource")
    principals, not_principals = _principals(identifier, written, effect)
    return Statement(
        id=identifier,
        effect=effect,
        actions=tuple(each.lower() for each in actions),
        resources=resources,
        conditions=tuple(_conditions(identifier, written.get("Condition", {}))),
        principals=principals,
        not_actions=not_actions,
        not_resources=not_resources,
        not_principals=not_principals,
        variables=variables,
    )


def _either(identifier: str, written: Mapping[str, Any], element: str) -> tuple[tuple[str, ...], bool]:
    """The values of the element or of its negation, and which of the two it is."""
    found = [name for name in (element, f"Not{element}") if name in written]
    if len(found) > 1:
        raise Malformed(f"{identifier} has both {' and '.join(found)}")
    return (_texts(written[found[0]]), found[0] != element) if found else ((), False)


def _principals(identifier: str, written: Mapping[str, Any], effect: Effect) -> tuple[Principals | None, bool]:
    if "Principal" in written and "NotPrincipal" in written:
        raise Malformed(f"{identifier} has both Principal and NotPrincipal")
    negated = "NotPrincipal" in written
    if negated and effect is Effect.ALLOW:
        raise Malformed(f"{identifier} allows by NotPrincipal, which IAM does not support")
    value = written.get("Principal", written.get("NotPrincipal"))
    if value is None:
        return None, False
    named = {"AWS": value} if value == "*" else value
    if not isinstance(named, dict) or named.keys() - _PRINCIPAL_TYPES:
        raise Malformed(f"{identifier} has the unknown principal {value}")
    principals = Principals(_texts(named.get("AWS", ())), _texts(named.get("Service", ())))
    wild = partly_wild((*principals.aws, *principals.services))
    if wild:
        raise Malformed(f"{identifier} has the principal {wild[0]}: IAM takes no pattern there")
    return principals, negated


def _conditions(identifier: str, written: Mapping[str, Any]) -> Iterable[Condition]:
    for operator, keys in written.items():
        for key, wanted in keys.items():
            try:
                yield conditions.read(operator, key, _texts(wanted))
            except UnknownOperator as error:
                raise Malformed(f"{identifier} has the unknown condition operator {error}") from error


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in _list(value))


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
