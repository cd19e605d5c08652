"""IAM's SimulatePrincipalPolicy, which moto does not have: what the identity policies of a user or a role decide.

What is not emulated here (NotAction, NotResource, other condition operators) is refused as IAM refuses a policy that
it cannot evaluate, never taken for a match.
Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

ALLOWED, IMPLICIT_DENY, EXPLICIT_DENY = "allowed", "implicitDeny", "explicitDeny"
_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
_OPERATORS = {"StringEquals", "StringLike"}

Statement = Mapping[str, Any]
Context = Mapping[str, Sequence[str]]


class PolicyEvaluation(ServiceException):
    """IAM could not evaluate a policy."""

    code = "PolicyEvaluation"
    status_code = 500


def install() -> None:
    """Give moto's IAM the operation; to be called before the first request."""
    setattr(IamResponse, "simulate_principal_policy", _answer)  # noqa: B010 - not a method that moto declares


def decide(statements: Iterable[Statement], action: str, resource: str, context: Context) -> str:
    """IAM's decision: a deny that matches wins over any allow, and nothing that matches is a denial.

    Raises PolicyEvaluation for an element or an operator that is not emulated.
    """
    effects = {each["Effect"] for each in statements if _matches(each, action, resource, context)}
    if "Deny" in effects:
        return EXPLICIT_DENY
    return ALLOWED if "Allow" in effects else IMPLICIT_DENY


def _answer(response: IamResponse) -> ActionResult:
    """One request's answer, on one page."""
    parameter = response._get_param
    statements = _statements(response.backend, parameter("PolicySourceArn"))
    context = {each["ContextKeyName"].lower(): each["ContextKeyValues"] for each in parameter("ContextEntries", [])}
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": decide(statements, action, resource, context),
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in parameter("ActionNames")
        for resource in parameter("ResourceArns", ["*"])
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _statements(iam: IAMBackend, arn: str) -> list[Statement]:
    """Every statement of the identity's inline and attached policies. Raises moto's NoSuchEntity for an unknown one."""
    kind, _, path = arn.rpartition(":")[2].partition("/")
    name = path.rpartition("/")[2]
    identity: Any = iam.get_user(name) if kind == "user" else iam.get_role(name)
    versions = [version for policy in identity.managed_policies.values() for version in policy.versions]
    attached = [version.document for version in versions if version.is_default_version]
    documents = [*identity.policies.values(), *attached]
    return [statement for document in documents for statement in _list(json.loads(document)["Statement"])]


def _matches(statement: Statement, action: str, resource: str, context: Context) -> bool:
    unknown = statement.keys() - _ELEMENTS
    if unknown:
        raise PolicyEvaluation(f"The sandbox does not evaluate {', '.join(sorted(unknown))} in a policy.")
    return (
        any(_like(pattern.lower(), action.lower()) for pattern in _list(statement["Action"]))
        and any(_like(pattern, resource) for pattern in _list(statement["Resource"]))
        and all(_holds(name, wanted, context) for name, wanted in statement.get("Condition", {}).items())
    )


def _holds(operator: str, wanted: Mapping[str, Any], context: Context) -> bool:
    if operator not in _OPERATORS:
        raise PolicyEvaluation(f"The sandbox does not evaluate the condition operator {operator}.")
    return all(
        any(
            _like(pattern, value) if operator == "StringLike" else pattern == value
            for pattern in _list(patterns)
            for value in context.get(key.lower(), ())
        )
        for key, patterns in wanted.items()
    )


def _like(pattern: str, text: str) -> bool:
    """Whether ``text`` matches a policy's pattern, in which ``*`` is any text and ``?`` any one character."""
    expression = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
