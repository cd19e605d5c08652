"""Whole policies, case by case from AWS's documentation, and the sentence of a refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from druid_reindex.sandbox.aws.iam.decisions import Decision, Kind, Outcome, Policies, Request, decide, message
from druid_reindex.sandbox.aws.iam.policies import policy
from druid_reindex.sandbox.aws.iam.principals import Principal

GROUPS = yaml.safe_load((Path(__file__).parent / "decisions.yaml").read_text(encoding="utf-8"))
CONDITIONS = yaml.safe_load((Path(__file__).parent / "conditions.yaml").read_text(encoding="utf-8"))
ROLE = "arn:aws:iam::111122223333:role/night"
PRINCIPALS = {
    "user": Principal("arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/alice", "111122223333"),
    "session": Principal("arn:aws:sts::111122223333:assumed-role/night/run1", ROLE, "111122223333"),
    "foreigner": Principal("arn:aws:iam::444455556666:user/eve", "arn:aws:iam::444455556666:user/eve", "444455556666"),
    "ec2": Principal(service="ec2.amazonaws.com"),
    "anonymous": Principal(),
}


def cases() -> list[Any]:
    return [
        pytest.param(group, case, id=f"{group['what']}-{number}")
        for group in GROUPS
        for number, case in enumerate(group["cases"], start=1)
    ]


def context(case: dict[str, Any], principal: Principal) -> dict[str, tuple[str, ...]]:
    found = {key.lower(): (value,) for key, value in case.get("with", {}).items()}
    if principal.identity:
        found["aws:principalarn"] = (principal.identity,)
    if ":user/" in principal.identity:
        found["aws:username"] = (principal.identity.rpartition("/")[2],)
    return found


def applying(group: dict[str, Any]) -> Policies:
    version = group.get("version", "2012-10-17")
    identity, resource = (
        policy(kind, json.dumps({"Version": version, "Statement": group[kind]})) if kind in group else None
        for kind in ("identity", "resource")
    )
    return Policies(
        identity=(identity,) if identity else (),
        resource=resource,
        kind=Kind(group.get("kind", Kind.SUFFICIENT)),
        account=group.get("account", ""),
        unsupported=group.get("unsupported", ""),
    )


def test_there_are_enough_cases_and_each_is_cited() -> None:
    count = len(cases()) + sum(len(group["rows"]) for group in CONDITIONS)
    assert count >= 150
    for group in (*GROUPS, *CONDITIONS):
        assert group["source"].startswith("https://docs.aws.amazon.com/"), group


@pytest.mark.parametrize(("group", "case"), cases())
def test_a_decision(group: dict[str, Any], case: dict[str, Any]) -> None:
    principal = PRINCIPALS[case.get("who", "user")]
    found = decide(Request(principal, case["do"], case["of"], context(case, principal)), applying(group))
    assert found.outcome == case["is"], group["source"]
    assert case.get("problem", "") in found.problem
    assert bool(found.problem) == ("problem" in case)
    if "by" in case:
        assert found.statements == tuple(case["by"])


@pytest.mark.parametrize(
    ("group", "who", "action", "ending"),
    [
        (0, "user", "s3:PutObject", "because no identity-based policy allows the s3:PutObject action"),
        (1, "user", "s3:GetObject", "with an explicit deny in a resource-based policy"),
    ],
)
def test_the_sentence_of_a_refusal(group: int, who: str, action: str, ending: str) -> None:
    where = {"aws:securetransport": ("false",)}
    request = Request(PRINCIPALS[who], action, "arn:aws:s3:::b/x", where)
    said = message(request, decide(request, applying(GROUPS[group])))
    start = f'User: {PRINCIPALS[who]} is not authorized to perform: {action} on resource: "arn:aws:s3:::b/x" '
    assert said == start + ending


def test_the_sentence_names_what_could_not_be_evaluated() -> None:
    request = Request(PRINCIPALS["user"], "s3:GetObject", "*")
    said = message(request, Decision(Outcome.EXPLICIT_DENY, problem="the sandbox does not evaluate a session policy"))
    assert said.endswith("because the sandbox does not evaluate a session policy")
