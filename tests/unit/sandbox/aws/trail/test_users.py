"""`userIdentity`: users, sessions, instances, services, nobody."""

from __future__ import annotations

from druid_reindex.sandbox.aws.gate.identities import ANONYMOUS, Caller
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.trail import users

ROLE = "arn:aws:iam::111122223333:role/Night"


def session(name: str, **more: tuple[str, ...]) -> Caller:
    arn = f"arn:aws:sts::111122223333:assumed-role/Night/{name}"
    context = {
        "aws:userid": (f"AROAX:{name}",),
        "aws:principaltype": ("AssumedRole",),
        "aws:tokenissuetime": ("2026-11-22T05:00:00Z",),
        **more,
    }
    return Caller(Principal(arn, ROLE, "111122223333"), context=context)


def test_a_user() -> None:
    arn = "arn:aws:iam::111122223333:user/alice"
    context = {"aws:userid": ("AIDAX",), "aws:principaltype": ("User",), "aws:username": ("alice",)}
    assert users.identity(Caller(Principal(arn, arn, "111122223333"), context=context), "AKIAX") == {
        "type": "IAMUser",
        "principalId": "AIDAX",
        "arn": arn,
        "accountId": "111122223333",
        "accessKeyId": "AKIAX",
        "userName": "alice",
    }


def test_a_session_names_its_role_and_its_source() -> None:
    found = users.identity(session("drx1.a.1", **{"aws:sourceidentity": ("run",)}), "ASIAX")
    assert found["type"] == "AssumedRole"
    assert found["principalId"] == "AROAX:drx1.a.1"
    assert found["sessionContext"]["sessionIssuer"] == {
        "type": "Role",
        "principalId": "AROAX",
        "arn": ROLE,
        "accountId": "111122223333",
        "userName": "Night",
    }
    assert found["sessionContext"]["sourceIdentity"] == "run"
    assert found["sessionContext"]["attributes"]["creationDate"] == "2026-11-22T05:00:00Z"
    assert "ec2RoleDelivery" not in found["sessionContext"]


def test_an_instances_session_says_how_it_was_delivered() -> None:
    assert users.identity(session("i-0123"), "ASIAX")["sessionContext"]["ec2RoleDelivery"] == "2.0"


def test_nobody_and_a_service() -> None:
    assert users.identity(ANONYMOUS, "")["accountId"] == "ANONYMOUS_PRINCIPAL"
    assert users.service("cloudtrail.amazonaws.com") == {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}
