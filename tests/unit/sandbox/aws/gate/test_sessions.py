"""Sessions of roles: trust, source identity, session names and tags, and what comes of chaining."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from botocore.credentials import Credentials
from moto.sts.models import sts_backends

from druid_reindex.sandbox.aws.gate import sessions
from druid_reindex.sandbox.aws.iam.replay import replay
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from gated_account import Account, Answer, allow

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
ASSUME = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
TRUST = {"Effect": "Allow", "Principal": ROOT, "Action": ASSUME}


def assume(account: Account, who: Credentials, role: str, name: str = "run", **more: str) -> Answer:
    return account.query_ask(
        who, "sts", Action="AssumeRole", Version="2011-06-15", RoleArn=role, RoleSessionName=name, **more
    )


def part(answer: Answer, name: str) -> str:
    return answer.text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]


def credentials(answer: Answer) -> Credentials:
    assert answer.status == 200, answer.text
    return Credentials(*(part(answer, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")))


def test_a_session_has_its_name_its_source_identity_and_its_tags(account: Account) -> None:
    role = account.role("night", TRUST, allow("s3:ListAllMyBuckets", Condition={"StringEquals": {
        "aws:SourceIdentity": "run-1", "aws:PrincipalTag/team": "red"}}))  # fmt: skip
    alice = account.user("alice", allow(ASSUME, role))
    told = assume(account, alice, role, "drx1.a.1", SourceIdentity="run-1",
                  **{"Tags.member.1.Key": "team", "Tags.member.1.Value": "red"})  # fmt: skip
    assert part(told, "SourceIdentity") == "run-1"
    assert account.s3_ask(credentials(told), "GET", "/").status == 200
    assert str(account.night.decisions[-1].request.principal).endswith("assumed-role/night/drx1.a.1")
    plain = credentials(assume(account, alice, role))
    assert account.s3_ask(plain, "GET", "/").status == 403


def test_trust_decides_with_its_conditions(account: Account) -> None:
    trust: dict[str, Any] = TRUST | {"Condition": {"StringLike": {"sts:RoleSessionName": "drx1.*"}}}
    role = account.role("night", trust, allow("s3:*"))
    alice = account.user("alice", allow(ASSUME, role))
    session = credentials(assume(account, alice, role, "drx1.a.1"))
    assert account.s3_ask(session, "GET", "/").status == 200
    refused = assume(account, alice, role, "other")
    assert (refused.status, "sts:AssumeRole on resource" in refused.text) == (403, True)
    for each in account.night.decisions:
        assert replay(each, account.night.deployed).outcome is each.outcome
    stranger = account.user("stranger")
    assert assume(account, stranger, role, "drx1.a.1").status == 403
    assert assume(account, alice, f"arn:aws:iam::{ACCOUNT}:role/none", "drx1.a.1").status == 403


def test_tagging_needs_a_permission_of_its_own(account: Account) -> None:
    role = account.role("night", TRUST | {"Action": "sts:AssumeRole"})
    alice = account.user("alice", allow(ASSUME, role))
    tag = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "red"}
    assert "sts:TagSession" in assume(account, alice, role, **tag).text
    assert "sts:SetSourceIdentity" in assume(account, alice, role, SourceIdentity="me").text


def test_a_chained_session_keeps_source_identity_and_transitive_tags(account: Account) -> None:
    second = account.role("second", TRUST)
    first = account.role("first", TRUST, allow(ASSUME, second))
    alice = account.user("alice", allow(ASSUME, first))
    tags = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "red", "TransitiveTagKeys.member.1": "team"}
    one = credentials(assume(account, alice, first, SourceIdentity="run-1", **tags))
    two = credentials(assume(account, one, second))
    chained = sessions.find(two.access_key)
    assert chained is not None
    assert (chained.source_identity, dict(chained.tags), chained.transitive) == ("run-1", {"team": "red"}, {"team"})


def test_a_session_policy_is_not_evaluated_and_denies_loudly(account: Account) -> None:
    role = account.role("night", TRUST, allow("*"))
    alice = account.user("alice", allow(ASSUME, role))
    limited = credentials(assume(account, alice, role, Policy="{}"))
    assert "does not evaluate a session policy" in account.s3_ask(limited, "GET", "/").text


def test_tokens_expire_and_are_checked(account: Account) -> None:
    role = account.role("night", TRUST, allow("*"))
    alice = account.user("alice", allow(ASSUME, role))
    session = credentials(assume(account, alice, role))
    wrong = Credentials(session.access_key, session.secret_key, "another")
    assert "<Code>InvalidToken</Code>" in account.s3_ask(wrong, "GET", "/").text
    kept = sessions.find(session.access_key)
    assert kept is not None
    kept.role.expiration -= timedelta(hours=2)
    assert "<Code>ExpiredToken</Code>" in account.s3_ask(session, "GET", "/").text
    assert "ExpiredTokenException" in account.json_ask(session, "kms", "TrentService.ListKeys").text


def test_a_session_that_the_account_made_itself_is_found(account: Account) -> None:
    role = account.role("night", TRUST)
    made = sts_backends[ACCOUNT]["aws"].assume_role(REGION, "i-1", role, "", 3600, "")
    found = sessions.find(made.access_key_id)
    assert found is not None
    assert (found.role.session_name, found.source_identity) == ("i-1", "")
    assert sessions.find("ASIAUNKNOWN") is None
