"""IAM's SimulatePrincipalPolicy, which moto does not have: what the identity policies of a user or a role decide.

What cannot be evaluated is refused as IAM refuses a policy that it cannot evaluate, never taken for a match.
Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.iam.exceptions import NoSuchEntity
from moto.iam.responses import IamResponse

from druid_reindex.sandbox.aws.gate import identities
from druid_reindex.sandbox.aws.iam.decisions import Policies, Request, decide
from druid_reindex.sandbox.aws.iam.policies import Policy, policy
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.site import ACCOUNT


class PolicyEvaluation(ServiceException):
    """IAM could not evaluate a policy."""

    code = "PolicyEvaluation"
    status_code = 500


def install() -> None:
    """Give moto's IAM the operation; to be called before the first request."""
    setattr(IamResponse, "simulate_principal_policy", _answer)  # noqa: B010 - not a method that moto declares


def _answer(response: IamResponse) -> ActionResult:
    """One request's answer, on one page."""
    parameter = response._get_param
    arn = parameter("PolicySourceArn")
    policies = _policies(arn)
    given = {
        each["ContextKeyName"].lower(): tuple(each["ContextKeyValues"]) for each in parameter("ContextEntries", [])
    }
    results = [
        _result(Request(Principal(arn, arn, ACCOUNT), action, resource, given), policies)
        for action in parameter("ActionNames")
        for resource in parameter("ResourceArns", ["*"])
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _result(request: Request, policies: tuple[Policy, ...]) -> Mapping[str, Any]:
    """One action's part of the answer. Raises PolicyEvaluation."""
    decision = decide(request, Policies(identity=policies))
    if decision.problem:
        raise PolicyEvaluation(decision.problem)
    return {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": decision.outcome.value,
        "MatchedStatements": [{"SourcePolicyId": each.partition("/")[0]} for each in decision.statements],
        "MissingContextValues": [],
    }


def _policies(arn: str) -> tuple[Policy, ...]:
    """The identity's policies. Raises moto's NoSuchEntity for an unknown one."""
    if identities.identity(arn) is None:
        raise NoSuchEntity(f"{arn} cannot be found.")
    return tuple(policy(name, document) for name, document in identities.documents(arn).items())
