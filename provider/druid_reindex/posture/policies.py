"""Reads resource policies: which statements apply to whom, and under which conditions.

Only what the rules need is evaluated; a condition that is not known here raises UnreadFactError, so that no rule takes
it for a match or for none.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from druid_reindex.posture.facts import Policy, UnreadFactError

Statement = Mapping[str, Any]
_EQUAL = {"stringequals", "arnequals", "stringequalsignorecase", "bool"}
_LIKE = {"stringlike", "arnlike"}
_UNEQUAL = {"stringnotequals", "arnnotequals", "stringnotequalsignorecase"}
_UNLIKE = {"stringnotlike", "arnnotlike"}
# Condition keys that tie a statement to one account, organisation or caller.
_NARROWING = {
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn",
    "aws:sourceorgid", "aws:userid", "aws:username", "kms:calleraccount",
}  # fmt: skip


def statements(policy: Policy, effect: str) -> list[Statement]:
    """The policy's statements of ``effect`` (Allow or Deny)."""
    return [each for each in as_list(policy.get("Statement", [])) if each.get("Effect") == effect]


def as_list(value: Any) -> list[Any]:
    """A policy's value, which may be one or a list, as a list."""
    return value if isinstance(value, list) else [value]


def covers_action(statement: Statement, action: str) -> bool:
    """Whether the statement is about ``action``."""
    if "NotAction" in statement:
        return not _any_like(statement["NotAction"], action)
    return _any_like(statement.get("Action", []), action)


def covers_resource(statement: Statement, resource: str) -> bool:
    """Whether the statement is about ``resource``; wildcards in ``resource`` itself must be covered as they stand."""
    if "NotResource" in statement:
        return not _any_like(statement["NotResource"], resource, fold=False)
    return _any_like(statement.get("Resource", []), resource, fold=False)


def is_for_everybody(statement: Statement) -> bool:
    """Whether the statement's principal is everybody, in any of the forms in which policies say so."""
    principal = statement.get("Principal")
    if principal == "*" or "NotPrincipal" in statement:
        return True
    return isinstance(principal, Mapping) and "*" in as_list(principal.get("AWS", []))


def names_principal(statement: Statement, *arns: str) -> bool:
    """Whether the statement is for everybody, or for any of ``arns``."""
    if is_for_everybody(statement):
        return True
    principal = statement.get("Principal")
    named = as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    return any(arn in named for arn in arns)


def only_condition(statement: Statement, operators: Iterable[str], key: str) -> list[str] | None:
    """The values of the statement's one condition, if it is ``key`` under one of ``operators``; else None.

    A condition Null: false on the same key may stand beside it: the statement is then about requests that have the key.
    """
    wanted = {operator.lower() for operator in operators}
    found: list[str] | None = None
    for operator, keys in statement.get("Condition", {}).items():
        for name, values in keys.items():
            told = [str(value).lower() for value in as_list(values)]
            if name.lower() != key.lower() or (operator.lower() == "null" and told != ["false"]):
                return None
            if operator.lower() in wanted and found is None:
                found = told
            elif operator.lower() != "null":
                return None
    return found


def is_narrowed(statement: Statement) -> bool:
    """Whether a condition ties the statement to an account, an organisation or a caller, without a bare wildcard."""
    for operator, keys in statement.get("Condition", {}).items():
        if operator.lower().removesuffix("ifexists") not in _EQUAL | _LIKE or operator.lower().endswith("ifexists"):
            continue
        for key, values in keys.items():
            if key.lower() in _NARROWING and "*" not in as_list(values):
                return True
    return False


def holds(statement: Statement, context: Mapping[str, str]) -> bool:
    """Whether the statement's conditions hold in ``context`` (keys in lower case; a key that is not there is absent).

    Raises UnreadFactError for an operator that is not evaluated here.
    """
    return all(
        _condition_holds(operator, key.lower(), as_list(values), context)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _condition_holds(operator: str, key: str, values: list[Any], context: Mapping[str, str]) -> bool:
    name = operator.lower()
    found = context.get(key)
    wanted = [str(value).lower() if name.startswith("bool") else str(value) for value in values]
    if name == "null":
        return (found is None) == (str(values[0]).lower() == "true")
    plain = name.removesuffix("ifexists")
    if plain not in _EQUAL | _LIKE | _UNEQUAL | _UNLIKE:
        raise UnreadFactError(f"a policy's condition {operator} on {key}, which is not evaluated here")
    if found is None:
        return name.endswith("ifexists") or plain in _UNEQUAL | _UNLIKE
    is_like = any(fnmatchcase(found, each) if plain in _LIKE | _UNLIKE else found == each for each in wanted)
    return is_like if plain in _EQUAL | _LIKE else not is_like


def _any_like(patterns: Any, text: str, *, fold: bool = True) -> bool:
    return any(
        fnmatchcase(text.lower() if fold else text, str(pattern).lower() if fold else str(pattern))
        for pattern in as_list(patterns)
    )
