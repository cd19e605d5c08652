"""Our evaluator and another one decide generated cases alike, and the table's actions are ones that AWS has."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from druid_reindex.sandbox.aws.gate import objects, operations
from druid_reindex.sandbox.aws.iam.decisions import Kind, Policies, Request, decide
from druid_reindex.sandbox.aws.iam.policies import policy
from druid_reindex.sandbox.aws.iam.principals import Principal
from iam_simulate import simulate, unknown_actions

pytestmark = pytest.mark.sandbox

CASES = 3000
SEED = 20261121
ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/night"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
PRINCIPALS = (
    Principal(USER, USER, ACCOUNT),
    Principal(f"arn:aws:sts::{ACCOUNT}:assumed-role/night/run-1", ROLE, ACCOUNT),
)
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-1111-4111-8111-111111111111"
S3_ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
KMS_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
RESOURCES = ("arn:aws:s3:::phi/runs/1", "arn:aws:s3:::phi/druid/x", "arn:aws:s3:::general/runs/1")
BY_TAG = ("arn:aws:s3:::phi/${aws:PrincipalTag/team}/*", "arn:aws:s3:::phi/${aws:PrincipalTag/none, 'runs'}/*")
PATTERNS = (*RESOURCES, "*", "arn:aws:s3:::phi/*", "arn:aws:s3:::*/runs/?", *BY_TAG)
# Condition keys that every request may have, with values that a request or a policy may give.
STRINGS = {
    "aws:PrincipalTag/team": ("runs", "Runs", "druid", "ru*"),
    "aws:SourceIdentity": ("run-1", "run-2", "me"),
    "aws:RequestedRegion": ("us-east-1", "eu-west-1"),
}
ARNS = {"aws:PrincipalArn": (ROLE, USER, f"arn:aws:iam::{ACCOUNT}:role/*", "arn:aws:iam::*:user/al?ce")}
BOOLS = {"aws:SecureTransport": ("true", "false")}
ADDRESSES = {"aws:SourceIp": ("10.0.0.1", "10.0.0.0/8", "192.0.2.7")}
DATES = {"aws:CurrentTime": ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z")}
NUMBERS = {"aws:MultiFactorAuthAge": ("10", "20", "300")}
MULTIPLE = {"aws:TagKeys": ("team", "cost", "other")}
KINDS: tuple[tuple[dict[str, tuple[str, ...]], tuple[str, ...]], ...] = (
    (STRINGS, ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
               "StringNotEqualsIgnoreCase", "StringEqualsIfExists", "StringNotEqualsIfExists", "Null")),
    (ARNS, ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike")),
    (BOOLS, ("Bool", "BoolIfExists")),
    (ADDRESSES, ("IpAddress", "NotIpAddress", "IpAddressIfExists")),
    (DATES, ("DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan")),
    (NUMBERS, ("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals",
               "NumericLessThanIfExists")),
    (MULTIPLE, ("ForAnyValue:StringEquals", "ForAllValues:StringEquals", "ForAnyValue:StringLike",
                "ForAnyValue:StringNotEquals", "ForAllValues:StringNotEquals")),
)  # fmt: skip
# Values that stand in policies alone.
ONLY_WANTED = {"ru*", "10.0.0.0/8", *ARNS["aws:PrincipalArn"][2:]}
OUTCOMES = {"Allowed": "allowed", "ExplicitlyDenied": "explicitDeny", "ImplicitlyDenied": "implicitDeny"}


def statement(dice: random.Random, actions: tuple[str, ...], patterns: tuple[str, ...]) -> dict[str, Any]:
    prefix = actions[0].partition(":")[0]
    wanted = [*dice.sample(actions, dice.randint(1, 2)), *dice.choices(["", f"{prefix}:*", f"{prefix}:Get*", "*"], k=1)]
    made: dict[str, Any] = {
        "Effect": dice.choices(["Allow", "Deny"], [4, 1])[0],
        dice.choices(["Action", "NotAction"], [5, 1])[0]: [each for each in wanted if each],
        dice.choices(["Resource", "NotResource"], [5, 1])[0]: dice.sample(
            patterns, dice.randint(1, min(2, len(patterns)))
        ),
    }
    if dice.random() < 0.6:
        made["Condition"] = condition(dice)
    return made


def condition(dice: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(dice.randint(1, 2)):
        keys, names = dice.choice(KINDS)
        key, name = dice.choice(list(keys)), dice.choice(names)
        values = ["true", "false"] if name == "Null" else list(keys[key])
        most = 1 if name == "Null" else min(2, len(values))
        found.setdefault(name, {})[key] = dice.sample(values, dice.randint(1, most))
    return found


def principal(dice: random.Random) -> Any:
    named = [USER, ROLE, [USER, ROLE], ACCOUNT, PRINCIPALS[1].arn, "444455556666"]
    return dice.choice(["*", {"Service": "ec2.amazonaws.com"}, *({"AWS": each} for each in named)])


def context(dice: random.Random, who: Principal) -> dict[str, Any]:
    found: dict[str, Any] = {"aws:PrincipalArn": who.identity}
    for keys, _ in KINDS:
        for key, values in keys.items():
            if key in ARNS or dice.random() < 0.3:
                continue
            given = [value for value in values if value not in ONLY_WANTED]
            found[key] = dice.sample(given, dice.randint(1, 3)) if key in MULTIPLE else dice.choice(given)
    return found


def case(dice: random.Random) -> dict[str, Any]:
    kms = dice.random() < 0.3
    actions, patterns = (KMS_ACTIONS, ("*", KEY)) if kms else (S3_ACTIONS, PATTERNS)
    who = dice.choice(PRINCIPALS)
    own = [statement(dice, actions, patterns) for _ in range(dice.randint(1, 3))]
    resource = [statement(dice, actions, patterns) | {"Principal": principal(dice)} for _ in range(dice.randint(1, 3))]
    return {
        "identityPolicies": [{"name": "own", "policy": {"Version": "2012-10-17", "Statement": own}}],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
        **({"resourcePolicy": {"Version": "2012-10-17", "Statement": resource}} if kms or dice.random() < 0.7 else {}),
        "request": {
            "action": dice.choice(actions),
            "principal": who.arn,
            "resource": {"accountId": ACCOUNT, "resource": KEY if kms else dice.choice(RESOURCES)},
            "contextVariables": context(dice, who),
        },
    }


def ours(one: dict[str, Any]) -> str:
    request = one["request"]
    who = next(each for each in PRINCIPALS if each.arn == request["principal"])
    given = {
        key.lower(): tuple(value) if isinstance(value, list) else (value,)
        for key, value in request["contextVariables"].items()
    }
    resource = one.get("resourcePolicy")
    kms = request["action"].startswith("kms:")
    policies = Policies(
        identity=(policy("own", json.dumps(one["identityPolicies"][0]["policy"])),),
        resource=policy("resource", json.dumps(resource)) if resource else None,
        kind=Kind.NECESSARY if kms else Kind.SUFFICIENT,
    )
    return decide(Request(who, request["action"], request["resource"]["resource"], given), policies).outcome.value


def test_both_decide_alike() -> None:
    dice = random.Random(SEED)
    cases = [case(dice) for _ in range(CASES)]
    taken = [(one, answer) for one, answer in zip(cases, simulate(cases), strict=True) if "result" in answer]
    assert len(taken) > CASES * 0.9
    apart = [
        (one, OUTCOMES[answer["result"]], ours(one)) for one, answer in taken if OUTCOMES[answer["result"]] != ours(one)
    ]
    assert apart == [], f"{len(apart)} of {len(taken)}: {json.dumps(apart[0], indent=1)}"
    found = {OUTCOMES[answer["result"]] for _, answer in taken}
    assert found == set(OUTCOMES.values())


def test_every_action_of_the_table_exists() -> None:
    named = {row.action for rows in operations._table().values() for row in rows}
    named |= {action for _, action in (*objects.OBJECT.values(), *objects.LISTS.values(), *objects.BARE.values())}
    named |= {action.replace("Object", "ObjectVersion", 1) for action in objects.VERSIONED}
    for _, action, deleting in objects.BUCKET.values():
        named |= {f"s3:Get{action}", f"s3:Put{action}"} | ({f"s3:{deleting}"} if deleting else set())
    assert unknown_actions(sorted(named)) == []
